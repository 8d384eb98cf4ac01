/*
 * Errors as RFC 9457 problems, the same for the service and for --json.
 */
#include "base/problem.h"

static void member(struct json_writer *w, const char *key, const char *text)
{
    if (*text)
        json_key_str(w, key, text);
}

void problem_write(const struct error *err, struct json_writer *w)
{
    struct buf b = BUF_INIT(128);

    buf_printf(&b, "/problems/%s", error_slug(err->code));
    json_key_str(w, "type", buf_str(&b) ? buf_str(&b) : "about:blank");
    buf_done(&b);
    json_key_str(w, "title", error_title(err->code));
    json_key_u64(w, "status", (uint64_t)error_http_status(err->code));
    json_key_str(w, "detail", err->text);
    member(w, "subject", err->subject);
    member(w, "expected", err->expected);
    member(w, "actual", err->actual);
    member(w, "hint", err->hint);
}
