/*
 * Objects behind HTTP as a store.
 *
 * A size is asked for together with the first bytes, which are kept. Small
 * objects are kept whole; of a large one that is read in small steps, the next
 * steps are fetched along with the one asked for.
 */
#include "remote/objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "remote/get.h"

enum {
    STEPS = 1 << 20, /* bytes of small reads fetched at once */
    WHOLE = 4 << 20, /* objects up to this are kept whole */
};

#define AHEAD_BYTES ((uint64_t)8 << 20) /* unless store_set_ahead() says */

/* Waits for *g, which is freed and NULL on failure. */
static int ended(struct objects *o, struct get **g, struct error *err)
{
    int rc = get_end(o, *g, err);

    if (rc) {
        get_free(*g);
        *g = NULL;
    }
    return rc;
}

/* A get that is over, be it begun ahead or now; its body is in its buffer. */
static int whole_get(struct objects *o, enum store_soon what, const char *name,
                     uint64_t len, uint64_t max, struct get **out,
                     struct error *err)
{
    int rc = 0;

    *out = ahead_take(o, what, name, 0, len);
    if (!*out)
        rc = get_begin(o, what, name, 0, len, NULL, max, out, err);
    return rc ? rc : ended(o, out, err);
}

static int absent(const struct objects *o, const char *name, struct error *err)
{
    error_set(err, ERR_NOT_FOUND, "%.150s is not in %.150s", name,
              o->base.label);
    return error_subject(err, "%s", name);
}

static void keep(struct objects *o, const char *name, uint64_t at,
                 struct buf *b)
{
    struct known *k;

    pthread_mutex_lock(&o->state->lock);
    k = known_find(&o->state->known, name);
    if (k)
        known_keep(&o->state->known, k, at, b);
    pthread_mutex_unlock(&o->state->lock);
}

/* What is known of the size: true if it is, or the object is absent. */
static bool known_size(struct objects *o, const char *name, bool *is_absent,
                       uint64_t *size)
{
    const struct known *k;
    bool yes;

    pthread_mutex_lock(&o->state->lock);
    k = known_find(&o->state->known, name);
    *is_absent = k && k->absent;
    yes = k && (k->absent || k->has_size);
    if (yes)
        *size = k->size;
    pthread_mutex_unlock(&o->state->lock);
    return yes;
}

static int objects_size(struct store *base, const char *name, uint64_t *size,
                        struct error *err)
{
    struct objects *o = (struct objects *)base;
    bool is_absent = false;
    struct get *g = NULL;
    int rc;

    if (known_size(o, name, &is_absent, size))
        return is_absent ? absent(o, name, err) : 0;
    rc = whole_get(o, STORE_SOON_SIZE, name, GET_PEEK, GET_PEEK, &g, err);
    if (rc)
        return rc;
    keep(o, name, 0, &g->body);
    if (!known_size(o, name, &is_absent, size)) {
        error_set(err, ERR_SOURCE, "%s: the server does not tell its size",
                  (const char *)g->query.shown.data);
        rc = error_subject(err, "%s", name);
    }
    get_free(g);
    return rc;
}

/* Copies bytes that are kept; true if they were. */
static bool copy_kept(struct objects *o, const char *name, uint64_t offset,
                      void *dst, size_t len)
{
    const struct known *k;
    const void *bytes;

    pthread_mutex_lock(&o->state->lock);
    k = known_find(&o->state->known, name);
    bytes = k ? known_bytes(k, offset, len) : NULL;
    if (bytes)
        memcpy(dst, bytes, len);
    pthread_mutex_unlock(&o->state->lock);
    return bytes;
}

/*
 * How much is fetched where len bytes from offset are asked for: all of a small
 * object, several steps where the last one led here. *from may move back.
 */
static uint64_t stretch(struct objects *o, const char *name, uint64_t *from,
                        size_t len)
{
    const struct known *k;
    uint64_t more = len;

    if (len > GET_SMALL)
        return len;
    pthread_mutex_lock(&o->state->lock);
    k = known_find(&o->state->known, name);
    if (k && k->has_size && *from <= k->size && len <= k->size - *from) {
        if (k->size <= WHOLE) {
            *from = 0;
            more = k->size;
        } else if (k->data && *from >= k->at && *from <= k->at + k->len) {
            more = num_min(STEPS, k->size - *from);
        }
    }
    pthread_mutex_unlock(&o->state->lock);
    return more;
}

static int objects_read(struct store *base, const char *name, uint64_t offset,
                        void *dst, size_t len, struct error *err)
{
    struct objects *o = (struct objects *)base;
    uint64_t from = offset;
    uint64_t fetched = len;
    struct get *g;
    int rc = 0;

    if (len == 0 || copy_kept(o, name, offset, dst, len))
        return 0;
    g = ahead_take(o, STORE_SOON_READ, name, offset, len);
    if (!g) {
        fetched = stretch(o, name, &from, len);
        rc = get_begin(o, STORE_SOON_READ, name, from, fetched,
                       fetched == len ? dst : NULL, fetched, &g, err);
    }
    if (!rc)
        rc = ended(o, &g, err);
    if (rc)
        return rc;
    if (g->query.request.body.bytes != dst) {
        if (g->body.len == fetched) {
            memcpy(dst, g->body.data + (offset - from), len);
        } else {
            error_set(err, ERR_SOURCE, "%s ends too early",
                      (const char *)g->query.shown.data);
            rc = error_subject(err, "%s", name);
        }
        if (!rc && fetched > len)
            keep(o, name, from, &g->body);
    }
    get_free(g);
    return rc;
}

/* A small object that is kept whole, into b. */
static bool get_kept(struct objects *o, const char *name, uint64_t max,
                     struct buf *b, int *rc, struct error *err)
{
    const struct known *k;
    const void *bytes = NULL;

    pthread_mutex_lock(&o->state->lock);
    k = known_find(&o->state->known, name);
    if (k && k->absent) {
        *rc = absent(o, name, err);
    } else if (k && k->has_size && k->size <= max) {
        bytes = known_bytes(k, 0, k->size);
        if (bytes) {
            buf_clear(b);
            buf_append(b, bytes, (size_t)k->size);
            *rc = buf_status(b, err);
        }
    }
    pthread_mutex_unlock(&o->state->lock);
    return bytes || *rc;
}

/* Moves the body into b without a copy; a small one is kept as well. */
static int hand_over(struct objects *o, struct get *g, uint64_t max,
                     struct buf *b, struct error *err)
{
    size_t most = (size_t)num_min(b->max, max);
    struct buf copy = BUF_INIT(GET_SMALL);

    if (g->body.len > most) {
        error_set(err, ERR_LIMIT, "%.200s is too large", g->name);
        error_subject(err, "%s", g->name);
        error_expected(err, "at most %zu bytes", most);
        return error_actual(err, "%zu bytes", g->body.len);
    }
    if (g->body.len <= GET_SMALL) {
        buf_append(&copy, g->body.data, g->body.len);
        if (!copy.failed)
            keep(o, g->name, 0, &copy);
        buf_done(&copy);
    }
    free(b->data);
    *b = (struct buf){ .data = g->body.data,
                       .len = g->body.len,
                       .cap = g->body.cap,
                       .max = num_max(b->max, g->body.cap) };
    g->body = BUF_INIT(0);
    return 0;
}

static int objects_get(struct store *base, const char *name, uint64_t max,
                       struct buf *b, struct error *err)
{
    struct objects *o = (struct objects *)base;
    struct get *g = NULL;
    int rc = 0;

    if (get_kept(o, name, max, b, &rc, err))
        return rc;
    rc = whole_get(o, STORE_SOON_GET, name, 0, num_min(max, b->max), &g, err);
    if (!rc)
        rc = hand_over(o, g, max, b, err);
    get_free(g);
    return rc;
}

static int objects_list(struct store *base, const char *folder,
                        store_entry_fn fn, void *ctx, struct error *err)
{
    struct objects *o = (struct objects *)base;

    if (o->ops->list)
        return o->ops->list(o, folder, fn, ctx, err);
    error_set(err, ERR_FORMAT,
              "%.300s holds no checkpoint, and a web server cannot be asked "
              "which folders it has",
              base->label);
    error_subject(err, "%s", base->label);
    error_expected(err, "a T5X checkpoint");
    return error_hint(err, "give the URL of the checkpoint_N folder, not of "
                           "the folder around it");
}

static void objects_free(struct store *base)
{
    struct objects *o = (struct objects *)base;
    struct objects_state *s = o->state;

    ahead_set(base, 0);
    if (o->ops->done)
        o->ops->done(o);
    known_done(&s->known);
    pthread_mutex_destroy(&s->lock);
    free(s->traceparent);
    free(s);
    free(o);
}

static const struct store_ops store_ops = {
    .size = objects_size,
    .read = objects_read,
    .get = objects_get,
    .list = objects_list,
    .soon = ahead_soon,
    .set_ahead = ahead_set,
    .free = objects_free,
};

static int make_state(const struct remote_options *options,
                      struct objects_state **out, struct error *err)
{
    struct objects_state *s = calloc(1, sizeof *s);
    const char *trace = options->traceparent;
    struct buf line = BUF_INIT(256);

    if (!s || pthread_mutex_init(&s->lock, NULL) != 0) {
        free(s);
        return error_memory(err);
    }
    s->ahead_max = AHEAD_BYTES;
    if (trace && *trace) {
        buf_printf(&line, "traceparent: %s", trace);
        s->traceparent = buf_take_str(&line);
    }
    *out = s;
    return 0;
}

int objects_init(struct objects *o, const struct objects_ops *ops,
                 struct fetch *f, const struct remote_options *options,
                 const char *label, struct error *err)
{
    struct objects_state *s = NULL;
    char *copy = strdup(label);
    int rc = copy ? make_state(options, &s, err) : error_memory(err);

    if (rc) {
        free(copy);
        return rc;
    }
    o->base.ops = &store_ops;
    o->base.label = copy;
    o->ops = ops;
    o->fetch = f;
    o->cancel = options->cancel;
    o->seconds = options->seconds;
    o->state = s;
    return 0;
}

int objects_fetch(struct objects *o, struct fetch_request *q, struct buf *body,
                  struct fetch_reply *reply, struct error *err)
{
    int rc;

    get_set_common(o, q);
    q->body = (struct fetch_body){ .buf = body };
    rc = fetch_do(o->fetch, q, reply, err);
    get_count(o, reply);
    return rc;
}

int objects_note(struct objects *o, const char *name, uint64_t size,
                 const char *version, struct error *err)
{
    struct known *k;
    int rc = 0;

    pthread_mutex_lock(&o->state->lock);
    k = known_at(&o->state->known, name);
    if (!k) {
        rc = error_memory(err);
    } else if (!known_set_version(k, version) ||
               (k->has_size && k->size != size)) {
        error_set(err, ERR_SOURCE_CHANGED, "%.250s changed while it was read",
                  name);
        rc = error_subject(err, "%s", name);
    } else {
        k->absent = false;
        k->has_size = true;
        k->size = size;
    }
    pthread_mutex_unlock(&o->state->lock);
    return rc;
}

void objects_statistics(struct store *base, uint64_t *requests, uint64_t *bytes)
{
    struct objects *o = (struct objects *)base;

    *requests = 0;
    *bytes = 0;
    if (base->ops != &store_ops)
        return;
    pthread_mutex_lock(&o->state->lock);
    *requests = o->state->requests;
    *bytes = o->state->received;
    pthread_mutex_unlock(&o->state->lock);
}

int objects_stream(struct store *base, const char *name,
                   int (*take)(void *ctx, const void *data, size_t len,
                               struct error *err),
                   void *ctx, struct error *err)
{
    struct objects *o = (struct objects *)base;
    struct get *g = NULL;
    int rc = store_check_name(name, err);

    if (!rc)
        rc = get_begin_stream(o, name, take, ctx, &g, err);
    if (!rc)
        rc = ended(o, &g, err);
    get_free(g);
    return rc;
}

bool objects_version(struct store *base, const char *name,
                     char out[static OBJECTS_VERSION_MAX + 1])
{
    struct objects *o = (struct objects *)base;
    const struct known *k;

    *out = '\0';
    if (base->ops != &store_ops)
        return false;
    pthread_mutex_lock(&o->state->lock);
    k = known_find(&o->state->known, name);
    if (k && k->version)
        snprintf(out, OBJECTS_VERSION_MAX + 1, "%s", k->version);
    pthread_mutex_unlock(&o->state->lock);
    return *out != '\0';
}
