/*
 * service/trace, service/address, service/origin: what headers and flags hold.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "service/address.h"
#include "service/origin.h"
#include "service/trace.h"

static void check_trace(const char *text)
{
    struct trace t;
    char header[TRACE_HEADER_LEN + 1];
    char id[TRACE_REQUEST_MAX + 1];

    trace_start(text, &t);
    trace_format(&t, header);
    FUZZ_ASSERT(strlen(header) == TRACE_HEADER_LEN && trace_parse(header, &t));
    trace_request_id(text, id);
    FUZZ_ASSERT(*id && !strpbrk(id, " \"\r\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct address address;
    struct error err;

    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    check_trace(text);
    if (address_parse("x", text, &address, &err) == 0)
        FUZZ_ASSERT(address.len > 0);
    if (origin_check_list("x", text, &err) == 0 && !strchr(text, '*'))
        FUZZ_ASSERT(!origin_allowed(text, "https://in.no.list/"));
    free(text);
    return 0;
}
