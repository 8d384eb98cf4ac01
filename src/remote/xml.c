/*
 * Expat behind limits.
 *
 * Of all that XML has only elements and their text are wanted. A document type
 * ends the reading where it begins, so no entity but the five predefined ones
 * exists: nothing expands, and nothing is fetched.
 */
#include "remote/xml.h"

#include <expat.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"

struct reader {
    XML_Parser parser;
    xml_element_fn fn;
    void *ctx;
    struct error *err;
    char path[XML_PATH_MAX + 1];
    size_t path_len;
    size_t starts[XML_DEPTH_MAX]; /* of each name in path */
    unsigned depth;
    bool has_children;
    struct buf text; /* of the innermost element */
    int rc;
};

static void stop(struct reader *r, int rc)
{
    if (!r->rc)
        r->rc = rc;
    XML_StopParser(r->parser, XML_FALSE);
}

static void refuse(struct reader *r, const char *what)
{
    if (!r->rc)
        stop(r, error_set(r->err, ERR_SOURCE, "the server's XML %s", what));
}

static void on_start(void *ctx, const char *name, const char **attributes)
{
    struct reader *r = ctx;
    const char *colon = strchr(name, ':');
    size_t len;

    (void)attributes;
    if (r->rc)
        return;
    name = colon ? colon + 1 : name;
    len = strlen(name);
    if (r->depth == XML_DEPTH_MAX ||
        len + 1 > sizeof r->path - 1 - r->path_len) {
        refuse(r, "is nested too deeply");
        return;
    }
    r->starts[r->depth++] = r->path_len;
    if (r->path_len > 0)
        r->path[r->path_len++] = '/';
    memcpy(r->path + r->path_len, name, len + 1);
    r->path_len += len;
    r->has_children = false;
    buf_clear(&r->text);
}

static void on_text(void *ctx, const char *text, int len)
{
    struct reader *r = ctx;

    buf_append(&r->text, text, (size_t)len);
    if (r->text.failed || r->text.len > XML_TEXT_MAX)
        refuse(r, "has a text that is too long");
}

static void on_end(void *ctx, const char *name)
{
    struct reader *r = ctx;
    const char *text = r->has_children ? NULL : buf_str(&r->text);
    int rc;

    (void)name;
    if (r->rc)
        return;
    if (!r->has_children && !text) {
        stop(r, error_memory(r->err));
        return;
    }
    rc = r->fn(r->ctx, r->path, text, r->err);
    if (rc)
        stop(r, rc);
    r->path_len = r->starts[--r->depth];
    r->path[r->path_len] = '\0';
    r->has_children = true;
    buf_clear(&r->text);
}

static void on_doctype(void *ctx, const char *name, const char *system_id,
                       const char *public_id, int has_subset)
{
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_subset;
    refuse(ctx, "has a document type");
}

int xml_read(const void *data, size_t len, xml_element_fn fn, void *ctx,
             struct error *err)
{
    struct reader r = {
        .fn = fn, .ctx = ctx, .err = err, .text = BUF_INIT(XML_TEXT_MAX + 1)
    };

    if (len > INT_MAX)
        return error_set(err, ERR_SOURCE, "the server's XML is too long");
    r.parser = XML_ParserCreate(NULL);
    if (!r.parser)
        return error_memory(err);
    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, on_start, on_end);
    XML_SetCharacterDataHandler(r.parser, on_text);
    XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
    if (XML_Parse(r.parser, data, (int)len, XML_TRUE) != XML_STATUS_OK && !r.rc)
        r.rc = error_set(err, ERR_SOURCE,
                         "the server's XML is not well formed: line %lu: %s",
                         (unsigned long)XML_GetCurrentLineNumber(r.parser),
                         XML_ErrorString(XML_GetErrorCode(r.parser)));
    XML_ParserFree(r.parser);
    buf_done(&r.text);
    return r.rc;
}
