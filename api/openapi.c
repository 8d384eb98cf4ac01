/*
 * The description of the interface: openapi.yaml, part of the program.
 */
#include "routes.h"

/* The assembler reads the file, so it needs no generated source. */
__asm__(".section .rodata\n"
        "openapi_text:\n"
        ".incbin \"" OPENAPI_YAML "\"\n"
        "openapi_text_end:\n"
        ".byte 0\n"
        ".previous\n");

extern const char openapi_text[];
extern const char openapi_text_end[];

int openapi_get(struct exchange *x, struct error *err)
{
    return exchange_reply_bytes(x, MHD_HTTP_OK, "application/yaml",
                                openapi_text,
                                (size_t)(openapi_text_end - openapi_text), err);
}
