/*
 * One get: its URL and headers, and what its reply teaches about the object.
 */
#include "remote/get.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

enum { URL_BYTES = 4 * URL_MAX }; /* texts of one request */

void get_free(struct get *g)
{
    if (!g)
        return;
    buf_done(&g->query.url);
    buf_done(&g->query.shown);
    buf_done(&g->query.lines);
    buf_done(&g->body);
    free(g->name);
    free(g);
}

static void add_header(struct fetch_request *q, const char *line)
{
    size_t n = 0;

    while (n < FETCH_HEADERS_MAX && q->headers[n])
        n++;
    if (line && n < FETCH_HEADERS_MAX)
        q->headers[n] = line;
}

void get_set_common(struct objects *o, struct fetch_request *q)
{
    q->cancel = o->cancel;
    q->seconds = o->seconds;
    add_header(q, o->state->traceparent);
}

static int make_get(enum store_soon what, const char *name, uint64_t offset,
                    uint64_t len, struct get **out, struct error *err)
{
    struct get *g = calloc(1, sizeof *g);

    if (!g)
        return error_memory(err);
    g->what = what;
    g->offset = offset;
    g->len = len;
    g->query.url = BUF_INIT(URL_BYTES);
    g->query.shown = BUF_INIT(URL_BYTES);
    g->query.lines = BUF_INIT(URL_BYTES);
    g->name = strdup(name);
    if (!g->name) {
        get_free(g);
        return error_memory(err);
    }
    *out = g;
    return 0;
}

static void copy_version(struct objects *o, const char *name,
                         char version[static OBJECTS_VERSION_MAX + 1])
{
    const struct known *k;

    pthread_mutex_lock(&o->state->lock);
    k = known_find(&o->state->known, name);
    snprintf(version, OBJECTS_VERSION_MAX + 1, "%s",
             k && k->version ? k->version : "");
    pthread_mutex_unlock(&o->state->lock);
}

/* URL, headers and range. */
static int ask(struct objects *o, struct get *g, struct error *err)
{
    struct objects_query *q = &g->query;
    char version[OBJECTS_VERSION_MAX + 1];
    int rc;

    copy_version(o, g->name, version);
    rc = o->ops->ask(o, g->name, version, q, err);
    if (!rc && (!buf_str(&q->url) || !buf_str(&q->shown)))
        rc = error_memory(err);
    if (rc)
        return rc;
    q->request.method = FETCH_GET;
    q->request.url = buf_str(&q->url);
    q->request.shown = buf_str(&q->shown);
    get_set_common(o, &q->request);
    if (g->what != STORE_SOON_GET) {
        q->request.ranged = true;
        q->request.offset = g->offset;
        q->request.length = g->len;
    }
    return 0;
}

/* Into dst, or into the get's own buffer of at most max bytes. */
static int begin(struct objects *o, struct get *g, void *dst, uint64_t max,
                 struct error *err)
{
    struct fetch_request *q = &g->query.request;
    int rc = ask(o, g, err);

    if (rc)
        return rc;
    g->body = BUF_INIT((size_t)num_min(max, SIZE_MAX / 2));
    if (dst) {
        q->body.bytes = dst;
        q->body.size = (size_t)g->len;
    } else {
        q->body.buf = &g->body;
    }
    return fetch_begin(o->fetch, q, NULL, NULL, &g->call, err);
}

int get_begin(struct objects *o, enum store_soon what, const char *name,
              uint64_t offset, uint64_t len, void *dst, uint64_t max,
              struct get **out, struct error *err)
{
    struct get *g = NULL;
    int rc = make_get(what, name, offset, len, &g, err);

    if (!rc)
        rc = begin(o, g, dst, max, err);
    if (rc)
        get_free(g);
    else
        *out = g;
    return rc;
}

int get_begin_stream(struct objects *o, const char *name,
                     int (*take)(void *ctx, const void *data, size_t len,
                                 struct error *err),
                     void *ctx, struct get **out, struct error *err)
{
    struct get *g = NULL;
    int rc = make_get(STORE_SOON_GET, name, 0, 0, &g, err);

    if (!rc)
        rc = ask(o, g, err);
    if (!rc) {
        g->query.request.body.take = take;
        g->query.request.body.ctx = ctx;
        rc =
            fetch_begin(o->fetch, &g->query.request, NULL, NULL, &g->call, err);
    }
    if (rc)
        get_free(g);
    else
        *out = g;
    return rc;
}

static void tell_version(struct objects *o, const struct fetch_reply *r,
                         char version[static OBJECTS_VERSION_MAX + 1])
{
    *version = '\0';
    if (o->ops->version)
        o->ops->version(o, r, version);
    else if (!fetch_header(r, "ETag", version, OBJECTS_VERSION_MAX + 1))
        fetch_header(r, "Last-Modified", version, OBJECTS_VERSION_MAX + 1);
}

static int changed(const struct get *g, struct error *err)
{
    const char *shown = (const char *)g->query.shown.data;

    error_set(err, ERR_SOURCE_CHANGED, "%.250s changed while it was read",
              shown);
    error_subject(err, "%s", shown);
    return error_hint(err, "start again when nobody writes to it");
}

/* What a reply tells of its object, remembered. */
static int learn(struct objects *o, const struct get *g,
                 const struct fetch_reply *r, struct error *err)
{
    struct objects_state *s = o->state;
    char version[OBJECTS_VERSION_MAX + 1];
    struct known *k;
    int rc = 0;

    tell_version(o, r, version);
    pthread_mutex_lock(&s->lock);
    /* Chunks are read once: nothing of them needs to be remembered. */
    k = g->what == STORE_SOON_GET && g->body.len > GET_SMALL
            ? known_find(&s->known, g->name)
            : known_at(&s->known, g->name);
    if (k && (!known_set_version(k, version) ||
              (k->has_size && r->has_size && k->size != r->size)))
        rc = changed(g, err);
    if (k && !rc && r->has_size) {
        k->has_size = true;
        k->size = r->size;
    }
    pthread_mutex_unlock(&s->lock);
    return rc;
}

static void note_absent(struct objects *o, const char *name)
{
    struct known *k;

    pthread_mutex_lock(&o->state->lock);
    k = known_at(&o->state->known, name);
    if (k && !k->version)
        k->absent = true;
    pthread_mutex_unlock(&o->state->lock);
}

void get_count(struct objects *o, const struct fetch_reply *r)
{
    pthread_mutex_lock(&o->state->lock);
    o->state->requests += r->attempts;
    o->state->received += r->received;
    pthread_mutex_unlock(&o->state->lock);
}

/* Of an object without bytes no range can be had. */
static bool is_empty(const struct get *g, const struct fetch_reply *r)
{
    char range[64];

    return g->what == STORE_SOON_SIZE && r->status == 416 &&
           fetch_header(r, "Content-Range", range, sizeof range) &&
           !strcmp(range, "bytes */0");
}

int get_end(struct objects *o, struct get *g, struct error *err)
{
    struct fetch_reply r = { .status = 0 };
    int rc = fetch_end(g->call, &r, err);

    g->call = NULL;
    get_count(o, &r);
    if (rc && is_empty(g, &r)) {
        r.has_size = true;
        r.size = 0;
        rc = 0;
    }
    if (rc && r.status && o->ops->explain)
        rc = o->ops->explain(o, g->name, &r, rc, err);
    if (rc == ERR_NOT_FOUND)
        note_absent(o, g->name);
    if (!rc && !r.has_size && g->what != STORE_SOON_READ &&
        !g->query.request.body.take &&
        (g->what == STORE_SOON_GET || g->body.len < GET_PEEK)) {
        r.has_size = true;
        r.size = g->body.len;
    }
    if (!rc)
        rc = learn(o, g, &r, err);
    fetch_reply_done(&r);
    return rc;
}
