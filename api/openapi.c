/*
 * The description of the interface, part of the program: openapi.yaml, and the
 * same as openapi.json.
 */
#include "routes.h"

/* The assembler reads the files, so they need no generated source. */
#define INCLUDE(name, file)                                                    \
    __asm__(".section .rodata\n" name ":\n"                                    \
            ".incbin \"" file "\"\n" name "_end:\n"                            \
            ".byte 0\n"                                                        \
            ".previous\n")

INCLUDE("openapi_yaml_text", OPENAPI ".yaml");
INCLUDE("openapi_json_text", OPENAPI ".json");

extern const char openapi_yaml_text[];
extern const char openapi_yaml_text_end[];
extern const char openapi_json_text[];
extern const char openapi_json_text_end[];

int openapi_yaml(struct exchange *x, struct error *err)
{
    return exchange_reply_bytes(
        x, MHD_HTTP_OK, "application/yaml", openapi_yaml_text,
        (size_t)(openapi_yaml_text_end - openapi_yaml_text), err);
}

int openapi_json(struct exchange *x, struct error *err)
{
    return exchange_reply_bytes(
        x, MHD_HTTP_OK, "application/json", openapi_json_text,
        (size_t)(openapi_json_text_end - openapi_json_text), err);
}
