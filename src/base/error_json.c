/*
 * Errors as RFC 9457 problems, the same for the service and for --json.
 */
#include "base/error_json.h"

#include <stdio.h>

static void member(struct json_writer *w, const char *key, const char *text)
{
    if (*text)
        json_key_str(w, key, text);
}

void error_json_members(const struct error *err, struct json_writer *w)
{
    char type[64];

    snprintf(type, sizeof type, "/problems/%s", error_slug(err->code));
    json_key_str(w, "type", type);
    json_key_str(w, "title", error_title(err->code));
    json_key_u64(w, "status", (uint64_t)error_http_status(err->code));
    json_key_str(w, "detail", err->text);
    member(w, "subject", err->subject);
    member(w, "expected", err->expected);
    member(w, "actual", err->actual);
    member(w, "hint", err->hint);
}
