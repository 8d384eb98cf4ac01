/*
 * Slabs in temporary files.
 *
 * Where a chunk holds parts of many tensors, or a row of a tensor lies in more
 * chunks than there is memory for, what is read in order comes back to the same
 * chunks again and again. So a slab of which as many chunks were decoded as it
 * has, and which would have another decoded, is converted once more, all of it
 * and by all threads, into a temporary file: chunks are decoded about twice,
 * and a read of a few bytes still decodes only what it needs. The file goes
 * when as much was read of the slab as there is. Without room on the disk it
 * just takes longer.
 */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "convert.h"
#include "store/sink.h"
#include "stream_impl.h"

/* The one file that a slab is converted into. */
struct spool_sink {
    struct sink base;
    struct spool *spool;
};

static int sink_spool_create(struct sink *s, const char *name, uint64_t size,
                             struct sink_file **out, struct error *err)
{
    struct sink_file *f = calloc(1, sizeof *f);
    int rc;

    (void)name;
    if (!f)
        return error_memory(err);
    rc = spool_new(size, &((struct spool_sink *)s)->spool, err);
    if (rc)
        free(f);
    else
        *out = f;
    return rc;
}

static int sink_spool_write(struct sink_file *f, uint64_t offset,
                            const void *data, size_t len, struct error *err)
{
    return spool_write(((struct spool_sink *)f->sink)->spool, offset, data, len,
                       err);
}

static int sink_spool_close(struct sink_file *f, struct error *err)
{
    (void)err;
    free(f);
    return 0;
}

static void sink_spool_drop(struct sink_file *f)
{
    free(f);
}

static void sink_spool_free(struct sink *s)
{
    spool_free(((struct spool_sink *)s)->spool);
}

static const struct sink_ops spool_ops = {
    .create = sink_spool_create,
    .write = sink_spool_write,
    .close = sink_spool_close,
    .drop = sink_spool_drop,
    .free = sink_spool_free,
};

void stream_spool_free(struct spooled *p)
{
    if (!p)
        return;
    spool_free(p->spool);
    free(p->plan.tensors);
    free(p->plan.by_array);
    free(p->plan.array_first);
    free(p->numbers);
    free(p);
}

static bool is_of(const struct stream *s, const struct made *m, size_t tensor)
{
    uint64_t slice = schedule_slice(&s->plan->tensors[tensor]);

    return slice / m->work->grid.chunk[GRID_SLICE] == m->place;
}

/* The plan of a slab's tensors, one behind the other in one file. */
static int plan_slab(const struct stream *s, const struct made *m,
                     struct spooled *out, struct error *err)
{
    size_t takers = (size_t)m->slab->takers;
    size_t arrays = s->plan->checkpoint->count;
    struct plan *p = &out->plan;
    size_t n = 0;

    p->checkpoint = s->plan->checkpoint;
    p->model = s->plan->model;
    p->tensors = calloc(takers, sizeof *p->tensors);
    p->by_array = calloc(takers, sizeof *p->by_array);
    p->array_first = calloc(arrays + 2, sizeof *p->array_first);
    out->numbers = calloc(takers, sizeof *out->numbers);
    if (!p->tensors || !p->by_array || !p->array_first || !out->numbers)
        return error_memory(err);
    for (size_t i = 0; i < m->work->tensor_count; i++) {
        size_t tensor = m->work->tensors[i];

        if (!is_of(s, m, tensor))
            continue;
        out->numbers[n] = tensor;
        p->by_array[n] = n;
        p->tensors[n] = s->plan->tensors[tensor];
        p->tensors[n].file = 0;
        p->tensors[n].offset = p->bytes;
        p->bytes += p->tensors[n].bytes;
        n++;
    }
    for (size_t i = m->tensor->model->array; i < arrays; i++)
        p->array_first[i + 1] = n;
    memcpy(out->name, "slab", sizeof "slab");
    out->file = (struct plan_file){ .name = out->name, .size = p->bytes };
    p->files = &out->file;
    p->file_count = 1;
    p->tensor_count = n;
    return 0;
}

/* Converts a slab into a file; *out stays NULL if there is no room for it. */
static int spool_slab(struct stream *s, const struct made *m,
                      struct spooled **out, struct error *err)
{
    struct spool_sink sink = { .base.ops = &spool_ops };
    struct convert_options o = {
        .threads = s->options.threads,
        .allow_missing_chunks = s->options.allow_missing_chunks,
    };
    struct convert_report report = { .overflowed = 0 };
    struct spooled *p = calloc(1, sizeof *p);
    int rc = p ? plan_slab(s, m, p, err) : error_memory(err);

    if (!rc) {
        /* A conversion takes a little more than it is told. */
        o.memory = chunks_borrow(s->chunks) / 4 * 3;
        rc = convert_run(&p->plan, &sink.base, &o, &report, err);
        chunks_restore(s->chunks);
        /* The conversion has used it for its own. */
        if (s->ahead.tells)
            store_set_ahead(s->plan->checkpoint->store, s->ahead.tells, NULL);
    }
    if (!rc) {
        p->spool = sink.spool;
        sink.spool = NULL;
        *out = p;
        p = NULL;
    }
    sink_free(&sink.base);
    stream_spool_free(p);
    return rc == ERR_SPACE || rc == ERR_WRITE ? 0 : rc;
}

/* Whether a chunk has to be decoded for the row that a byte lies in. */
static bool would_decode(struct stream *s, const struct made *m,
                         uint64_t offset)
{
    const struct grid *g = &m->work->grid;
    bool transpose = m->tensor->model->transpose;
    uint64_t pitch = g->shape[transpose ? GRID_ROW : GRID_COLUMN];
    uint64_t high = g->chunk[transpose ? GRID_COLUMN : GRID_ROW];
    uint64_t row = offset / dtype_info(m->tensor->dtype)->size / pitch;
    uint64_t across, down;
    struct box at;

    stream_grid(m, &across, &down);
    for (uint64_t i = 0; i < across; i++) {
        at = stream_chunk(m, i, row / high);
        if (!chunks_has(s->chunks, m->work->array, grid_index(g, at.from)))
            return true;
    }
    return false;
}

/*
 * With the lock held: whether the slab's chunks were decoded once, one of them
 * would be decoded again, and that would not be the last time.
 */
static bool should_spool(struct stream *s, const struct made *m,
                         uint64_t offset)
{
    return !m->slab->hopeless && stream_is_decoded(m) &&
           (m->slab->takers > 1 || !stream_fits(s, m)) &&
           would_decode(s, m, offset);
}

/* With the lock held, which it gives up meanwhile. */
static int make_spooled(struct stream *s, const struct made *m,
                        struct error *err)
{
    struct spooled *p = NULL;
    int rc;

    m->slab->busy = true;
    pthread_mutex_unlock(&s->lock);
    rc = spool_slab(s, m, &p, err);
    pthread_mutex_lock(&s->lock);
    m->slab->busy = false;
    m->slab->spooled = p;
    m->slab->hopeless = !rc && !p;
    pthread_cond_broadcast(&s->spooled);
    return rc;
}

/* Where a tensor begins in the file. */
static uint64_t place_of(const struct spooled *p, size_t tensor)
{
    size_t low = 0;
    size_t high = p->plan.tensor_count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (p->numbers[middle] <= tensor)
            low = middle;
        else
            high = middle;
    }
    return p->plan.tensors[low].offset;
}

/* Counts what is read of a slab; once that is all, its file can go. */
static void count_served(struct slab *slab, uint64_t len)
{
    slab->served += len;
    if (slab->served < slab->bytes ||
        (slab->spooled && slab->spooled->refs > 0))
        return;
    stream_spool_free(slab->spooled);
    slab->spooled = NULL;
    slab->served = 0;
    slab->decodes = 0;
}

int stream_spooled(struct stream *s, const struct made *m, uint64_t offset,
                   void *dst, size_t len, bool *found, struct error *err)
{
    struct slab *slab = m->slab;
    struct spooled *p;
    int rc = 0;

    pthread_mutex_lock(&s->lock);
    while (slab->busy)
        pthread_cond_wait(&s->spooled, &s->lock);
    if (!slab->spooled && should_spool(s, m, offset))
        rc = make_spooled(s, m, err);
    p = rc ? NULL : slab->spooled;
    if (p) {
        p->refs++;
        pthread_mutex_unlock(&s->lock);
        rc = spool_read(p->spool, place_of(p, m->number) + offset, dst, len,
                        err);
        pthread_mutex_lock(&s->lock);
        p->refs--;
    }
    if (!rc)
        count_served(slab, len);
    pthread_mutex_unlock(&s->lock);
    *found = p != NULL;
    return rc;
}
