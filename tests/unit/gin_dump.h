/*
 * A gin file as the JSON that tests compare: everything bound, in the file's
 * order, each value as gin text and as JSON with its macros resolved.
 */
#ifndef SWITCHYARD_TESTS_GIN_DUMP_H
#define SWITCHYARD_TESTS_GIN_DUMP_H

#include "base/buf.h"
#include "base/json.h"
#include "model/gin.h"

static inline void gin_dump_binding(struct json_writer *w, const struct gin *g,
                                    const struct gin_binding *b)
{
    struct buf text = BUF_INIT(w->buf->max);

    json_open(w, '{');
    json_key_u64(w, "line", b->line);
    buf_printf(&text, "%s%s%s%s%s", b->scope, *b->scope ? "/" : "", b->selector,
               b->parameter ? "." : "", b->parameter ? b->parameter : "");
    json_key_str(w, "name", buf_str(&text));
    buf_clear(&text);
    gin_value_print(&b->value, &text);
    json_key_str(w, "text", buf_str(&text));
    json_key(w, "value");
    gin_value_json(w, g, &b->value);
    json_close(w, '}');
    buf_done(&text);
}

/* Appends the dump of a file, or returns its error. */
static inline int gin_dump(const void *text, size_t len, const char *name,
                           struct buf *out, struct error *err)
{
    struct json_writer w = JSON_WRITER(out, JSON_STYLE_PYTHON);
    const struct gin_binding *bindings;
    const struct gin_include *includes;
    struct gin *g = NULL;
    size_t count;
    int rc = gin_parse(text, len, name, &g, err);

    if (rc)
        return rc;
    bindings = gin_bindings(g, &count);
    json_open(&w, '{');
    json_key(&w, "bindings");
    json_open(&w, '[');
    for (size_t i = 0; i < count; i++)
        gin_dump_binding(&w, g, &bindings[i]);
    json_close(&w, ']');
    includes = gin_includes(g, &count);
    json_key(&w, "includes");
    json_open(&w, '[');
    for (size_t i = 0; i < count; i++)
        json_str(&w, includes[i].name);
    json_close(&w, ']');
    json_close(&w, '}');
    buf_putc(out, '\n');
    gin_free(g);
    return buf_status(out, err);
}

#endif
