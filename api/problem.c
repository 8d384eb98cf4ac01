/*
 * Problem documents: an error's members and the request they answer.
 */
#include "problem.h"

#include "base/error_json.h"

void problem_write(const struct error *e, const char *request_id,
                   const char *trace_id, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out, JSON_STYLE_COMPACT);

    json_open(&w, '{');
    error_json_members(e, &w);
    json_key_str(&w, "request_id", request_id);
    json_key_str(&w, "trace_id", trace_id);
    json_close(&w, '}');
    buf_putc(out, '\n');
}
