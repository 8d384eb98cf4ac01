/*
 * The parts of an object store that know no protocol.
 */
#include "remote/bucket.h"

#include <stdlib.h>
#include <string.h>

void bucket_done(struct bucket *b)
{
    location_done(&b->at);
    free(b->endpoint);
    b->endpoint = NULL;
}

void bucket_show(const struct bucket *b, const char *name, struct buf *out)
{
    static const char *const schemes[] = { "gs", "s3", "hf" };
    const struct location *l = &b->at;

    buf_printf(out, "%s://", schemes[l->kind]);
    if (l->type && strcmp(l->type, "models") != 0)
        buf_printf(out, "%s/", l->type);
    buf_puts(out, l->bucket);
    if (l->revision && strcmp(l->revision, "main") != 0)
        buf_printf(out, "@%s", l->revision);
    if (*name)
        buf_printf(out, "/%s", name);
}

bool bucket_can_explain(int rc)
{
    return rc == ERR_NOT_FOUND || rc == ERR_SOURCE_DENIED || rc == ERR_SOURCE;
}

int bucket_open(struct bucket *b, const struct objects_ops *ops,
                struct fetch *f, const struct remote_options *o,
                struct store **out, char folder[static STORE_NAME_MAX + 1],
                struct error *err)
{
    struct buf label = BUF_INIT(2 * LOCATION_MAX);
    const char *path = b->at.path;
    int rc;

    bucket_show(b, "", &label);
    rc = buf_str(&label)
             ? objects_init(&b->base, ops, f, o, buf_str(&label), err)
             : error_memory(err);
    buf_done(&label);
    if (rc)
        return rc;
    memcpy(folder, path, strlen(path) + 1);
    *out = &b->base.base;
    return 0;
}

int bucket_fetch(struct bucket *b, struct objects_query *q, const char *name,
                 struct buf *body, struct fetch_reply *reply, struct error *err)
{
    struct objects *o = &b->base;
    int rc;

    bucket_show(b, name, &q->shown);
    q->request.method = FETCH_GET;
    q->request.url = buf_str(&q->url);
    q->request.shown = buf_str(&q->shown);
    q->request.trusted = b->trusted;
    if (!q->request.url || !q->request.shown)
        return error_memory(err);
    rc = objects_fetch(o, &q->request, body, reply, err);
    if (rc && reply->status && o->ops->explain)
        rc = o->ops->explain(o, name, reply, rc, err);
    return rc;
}

static int note(void *ctx, const char *name, uint64_t size, const char *version,
                struct error *err)
{
    const struct bucket *b = ctx;

    return objects_note(ctx, name, size, b->version ? b->version : version,
                        err);
}

int bucket_list(struct bucket *b, const char *folder, page_ask_fn ask,
                store_entry_fn fn, void *ctx, struct error *err)
{
    char prefix[STORE_NAME_MAX + 2] = "";
    struct page p = { .prefix = prefix,
                      .entry = fn,
                      .entry_ctx = ctx,
                      .note = note,
                      .note_ctx = b };
    size_t len = strlen(folder);
    int rc;

    memcpy(prefix, folder, len + 1);
    if (len > 0)
        memcpy(prefix + len, "/", 2);
    rc = page_walk(&p, ask, b, err);
    if (rc || p.found || len == 0)
        return rc;
    error_set(err, ERR_NOT_FOUND, "%.150s is not in %.150s", folder,
              b->base.base.label);
    return error_subject(err, "%s", folder);
}
