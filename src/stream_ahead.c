/*
 * Decoding ahead of a reader.
 *
 * The stream's threads go through the chunks of what is expected to be read, in
 * the order in which the reader will need them, and leave them in the cache,
 * which makes them wait when they are far enough ahead. A store far away
 * is told of chunks further on. Tensors whose rows take more chunks than the
 * cache can hold are left to the reader, and so is what may go into a temporary
 * file.
 */
#include <stdlib.h>

#include "base/num.h"
#include "stream_impl.h"

/* Where chunk number i of a tensor, in the order of use, is first and last
   needed, in the file. */
static void needed(const struct made *m, uint64_t i, uint64_t *from,
                   uint64_t *to)
{
    const struct grid *g = &m->work->grid;
    bool transpose = m->tensor->model->transpose;
    uint64_t high = g->chunk[transpose ? GRID_COLUMN : GRID_ROW];
    uint64_t rows = g->shape[transpose ? GRID_COLUMN : GRID_ROW];
    uint64_t row = m->tensor->bytes / num_max(1, rows);
    uint64_t across, down;

    stream_grid(m, &across, &down);
    *from = m->tensor->offset + i / across * high * row;
    *to = m->tensor->offset + num_min(rows, (i / across + 1) * high) * row;
}

/*
 * With the lock held: takes the next chunk of the task at the cursor. False if
 * there is none.
 */
static bool next_chunk(struct stream *s, struct cursor *c, struct made *m,
                       uint64_t *index)
{
    const struct ahead *a = &s->ahead;
    const struct plan_file *f = &s->plan->files[a->file];
    uint64_t across, down, from, to;
    struct box at;

    for (; c->tensor < f->tensor_count; c->tensor++, c->chunk = 0) {
        *m = stream_made(s, f->tensors[c->tensor]);
        if (m->tensor->offset >= a->end)
            return false;
        if (m->tensor->offset + m->tensor->bytes <= a->at || m->slab->spooled ||
            m->slab->busy || !stream_fits(s, m) ||
            (m->slab->takers > 1 && stream_is_decoded(m)))
            continue;
        stream_grid(m, &across, &down);
        for (; c->chunk < across * down; c->chunk++) {
            needed(m, c->chunk, &from, &to);
            if (from >= a->end)
                return false;
            if (to <= a->at)
                continue;
            at = stream_chunk(m, c->chunk % across, c->chunk / across);
            *index = grid_index(&m->work->grid, at.from);
            return true;
        }
    }
    return false;
}

/* With the lock held: tells the store of as many chunks as it has room for. */
static void tell_store(struct stream *s)
{
    struct ahead *a = &s->ahead;
    struct made m;
    uint64_t index;

    while (a->tells && next_chunk(s, &a->soon, &m, &index)) {
        if (!chunks_has(s->chunks, m.work->array, index) &&
            !array_soon(m.work->array, index))
            break;
        a->soon.chunk++;
    }
}

/* Decodes one chunk, with the lock held, which it gives up meanwhile. */
static void load(struct stream *s, const struct made *m, uint64_t index)
{
    struct ahead *a = &s->ahead;
    uint64_t task = a->task;
    bool decoded = false;
    bool full = false;
    struct error err;
    int rc;

    pthread_mutex_unlock(&s->lock);
    rc = chunks_ahead(s->chunks, m->work->array, index, &decoded, &full, &err);
    pthread_mutex_lock(&s->lock);
    m->slab->decodes += decoded;
    if (rc && a->task == task)
        a->failed = true;
}

static void *work(void *arg)
{
    struct stream *s = arg;
    struct ahead *a = &s->ahead;
    struct made m;
    uint64_t index;

    pthread_mutex_lock(&s->lock);
    while (!a->stop) {
        if (a->failed || !next_chunk(s, &a->load, &m, &index)) {
            pthread_cond_wait(&a->changed, &s->lock);
            continue;
        }
        a->load.chunk++;
        tell_store(s);
        load(s, &m, index);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* As many as can be had: reading works without them, too. */
static void start_threads(struct stream *s)
{
    struct ahead *a = &s->ahead;

    a->threads = calloc(s->options.threads, sizeof *a->threads);
    while (a->threads && a->count < s->options.threads &&
           pthread_create(&a->threads[a->count], NULL, work, s) == 0)
        a->count++;
}

void stream_expect(struct stream *s, size_t file, uint64_t offset, uint64_t len)
{
    struct ahead *a = &s->ahead;
    struct store *store = s->plan->checkpoint->store;

    pthread_mutex_lock(&s->lock);
    a->task++;
    a->failed = false;
    a->file = file;
    a->at = offset;
    a->end = offset + len;
    a->load = a->soon = (struct cursor){ 0, 0 };
    if (a->tells) {
        store_set_ahead(store, 0, NULL);
        store_set_ahead(store, a->tells, NULL);
    }
    if (!a->threads && s->plan->files[file].tensor_count > 0)
        start_threads(s);
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&s->lock);
    chunks_wake(s->chunks, true);
}

void stream_ahead_start(struct stream *s, uint64_t *memory)
{
    struct store *store = s->plan->checkpoint->store;
    uint64_t taken = 0;

    if (!store || !store_set_ahead(store, *memory / 4, &taken))
        return;
    s->ahead.tells = *memory / 4;
    *memory -= taken;
}

void stream_ahead_stop(struct stream *s)
{
    struct ahead *a = &s->ahead;

    pthread_mutex_lock(&s->lock);
    a->stop = true;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&s->lock);
    if (s->chunks)
        chunks_wake(s->chunks, false);
    for (unsigned i = 0; i < a->count; i++)
        pthread_join(a->threads[i], NULL);
    free(a->threads);
    if (a->tells)
        store_set_ahead(s->plan->checkpoint->store, 0, NULL);
}

void stream_ahead_at(struct stream *s, size_t file, uint64_t offset)
{
    pthread_mutex_lock(&s->lock);
    if (s->ahead.file == file)
        s->ahead.at = offset;
    pthread_mutex_unlock(&s->lock);
}
