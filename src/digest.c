/*
 * Hashing the arrays of a checkpoint.
 *
 * A hash is fed in order, so an array belongs to one thread; several arrays are
 * hashed at a time, the largest first. What a thread may use is its share of
 * the budget: the chunk being decoded, and a window of the array in C order
 * (window.h) that the chunks' parts are put into. Where such windows would have
 * chunks decoded again and again, decoded chunks wait in a temporary file;
 * where there is no disk for that, it just takes longer.
 */
#include "digest.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/num.h"
#include "print.h"
#include "window.h"
#include "workers.h"
#include "workspace.h"

enum {
    CHUNK_COPIES = 3, /* encoded, decoded, and once more in another order */
    WINDOW_MIN = 1 << 20,
    MAX_DECODES = 2, /* of a chunk, before a file is better */
};

/* What the workers share. */
struct run {
    const struct checkpoint *checkpoint;
    const struct digest_options *options;
    struct workspaces *workspaces;
    uint64_t share; /* bytes that a worker should keep to */
    size_t *order;  /* the arrays, the largest first */
    struct digest *digests;
    _Atomic size_t next; /* in order */
    atomic_bool failed;
    pthread_mutex_t lock; /* guards what follows */
    struct error error;   /* the first, once failed */
};

static void fail(struct run *r, const struct error *err)
{
    pthread_mutex_lock(&r->lock);
    if (!atomic_load(&r->failed))
        r->error = *err;
    atomic_store(&r->failed, true);
    pthread_mutex_unlock(&r->lock);
    workspaces_stop(r->workspaces);
}

/* Numbers go into the hash as they would lie on a little-endian machine. */
static void to_little(enum dtype t, unsigned char *data, size_t len)
{
    if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
        dtype_swap(t, data, len / dtype_info(t)->size);
}

static int hash_windows(struct run *r, const struct array *a, uint64_t room,
                        struct workspace *ws, struct sha256 *h,
                        uint64_t *missing, struct error *err)
{
    enum array_missing how = r->options->allow_missing_chunks
                                 ? ARRAY_MISSING_FILL
                                 : ARRAY_MISSING_ERROR;
    struct spool *spool = NULL;
    struct window w;
    int rc = 0;

    window_first(&w, a, room);
    if (window_decodes(&w) > MAX_DECODES &&
        spool_new(window_spool_bytes(&w), &spool, NULL) == 0)
        window_use_spool(&w, spool);
    for (; !w.done && !rc; window_next(&w)) {
        if (atomic_load(&r->failed))
            rc = error_set(err, ERR_CANCELLED, "another array failed");
        if (!rc)
            rc = workspace_reserve(ws, window_bytes(&w), err);
        if (!rc)
            rc = window_read(&w, how, ws->scratch, ws->out, missing, err);
        if (rc)
            break;
        to_little(a->dtype, ws->out, window_bytes(&w));
        sha256_add(h, ws->out, window_bytes(&w));
    }
    spool_free(spool);
    return rc;
}

static int hash_array(struct run *r, const struct array *a, struct digest *out,
                      struct error *err)
{
    uint64_t chunk = array_chunk_bytes(a);
    uint64_t cost = CHUNK_COPIES * chunk;
    uint64_t room = r->share > cost ? r->share - cost : 0;
    struct workspace *ws = NULL;
    struct sha256 *h = NULL;
    int rc;

    room = num_max(room, num_max(chunk, WINDOW_MIN));
    room = num_max(16, num_min(room, array_bytes(a)));
    rc = workspaces_take(r->workspaces, cost + room, &ws, err);
    if (!rc && !ws)
        rc = error_set(err, ERR_CANCELLED, "another array failed");
    if (!rc)
        rc = sha256_new(&h, err);
    if (!rc)
        rc = hash_windows(r, a, room, ws, h, &out->missing_chunks, err);
    if (ws)
        workspaces_give(r->workspaces, ws);
    if (!rc)
        return sha256_finish(h, out->sha256, err);
    sha256_free(h);
    return rc;
}

static void *work(void *arg)
{
    struct run *r = arg;
    struct error err;
    size_t n, i;
    int rc = 0;

    while (!rc) {
        n = atomic_fetch_add(&r->next, 1);
        if (n >= r->checkpoint->count)
            return NULL;
        i = r->order[n];
        rc = hash_array(r, r->checkpoint->arrays[i], &r->digests[i], &err);
    }
    fail(r, &err);
    return NULL;
}

static int by_size(const void *x, const void *y, void *arg)
{
    const struct checkpoint *c = arg;
    size_t i = *(const size_t *)x;
    size_t j = *(const size_t *)y;
    uint64_t a = array_bytes(c->arrays[i]);
    uint64_t b = array_bytes(c->arrays[j]);

    return a != b ? (a < b ? 1 : -1) : (i > j) - (i < j);
}

/* The order, and room for the digests; refuses what would not fit. */
static int prepare(struct run *r, uint64_t memory, struct error *err)
{
    const struct checkpoint *c = r->checkpoint;
    int rc = 0;

    r->order = calloc(c->count + 1, sizeof *r->order);
    r->digests = calloc(c->count + 1, sizeof *r->digests);
    if (!r->order || !r->digests)
        return error_memory(err);
    for (size_t i = 0; i < c->count && !rc; i++) {
        r->order[i] = i;
        rc = workspaces_check(c->arrays[i], memory, err);
    }
    qsort_r(r->order, c->count, sizeof *r->order, by_size,
            (void *)(uintptr_t)c);
    return rc;
}

int digest_arrays(const struct checkpoint *c, const struct digest_options *o,
                  struct digest **out, struct error *err)
{
    struct run r = { .checkpoint = c, .options = o };
    uint64_t memory = o->memory ? o->memory : WORKSPACES_BUDGET;
    unsigned threads =
        (unsigned)num_min(workers_count(o->threads), num_max(1, c->count));
    int rc;

    r.share = memory / threads;
    if (pthread_mutex_init(&r.lock, NULL) != 0)
        return error_memory(err);
    rc = prepare(&r, memory, err);
    if (!rc)
        rc = workspaces_new(memory, &r.workspaces, err);
    if (!rc)
        rc = workers_run(threads, work, &r, err);
    if (!rc && atomic_load(&r.failed)) {
        rc = (int)r.error.code;
        if (err)
            *err = r.error;
    }
    workspaces_free(r.workspaces);
    pthread_mutex_destroy(&r.lock);
    free(r.order);
    if (rc)
        free(r.digests);
    else
        *out = r.digests;
    return rc;
}

int digest_write_json(const struct checkpoint *c, const struct digest *digests,
                      struct buf *out, struct error *err)
{
    struct json_writer w = JSON_WRITER(out, JSON_STYLE_COMPACT);

    json_open(&w, '{');
    print_checkpoint(&w, c);
    json_key(&w, "warnings");
    json_open(&w, '[');
    for (size_t i = 0; i < c->warning_count; i++)
        json_str(&w, c->warnings[i]);
    json_close(&w, ']');
    json_key(&w, "arrays");
    json_open(&w, '[');
    for (size_t i = 0; i < c->count; i++) {
        json_open(&w, '{');
        print_array(&w, c->arrays[i]);
        json_key_str(&w, "sha256", digests[i].sha256);
        json_key_u64(&w, "missing_chunks", digests[i].missing_chunks);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    json_close(&w, '}');
    buf_putc(out, '\n');
    return buf_status(out, err);
}

int digest_write_text(const struct checkpoint *c, const struct digest *digests,
                      struct buf *out, struct error *err)
{
    print_checkpoint_text(out, c);
    buf_printf(out, "arrays (%zu)\n", c->count);
    for (size_t i = 0; i < c->count; i++) {
        const struct array *a = c->arrays[i];

        buf_printf(out, "  %s  %s %s ", digests[i].sha256, a->name,
                   dtype_info(a->dtype)->name);
        print_dims(out, a->shape, a->rank);
        buf_printf(out, ", %s", a->codec);
        if (digests[i].missing_chunks)
            buf_printf(out, ", %llu chunks missing",
                       (unsigned long long)digests[i].missing_chunks);
        buf_putc(out, '\n');
    }
    print_warnings(out, c->warnings, c->warning_count);
    return buf_status(out, err);
}
