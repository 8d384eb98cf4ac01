/*
 * Ranges of a plan's files.
 *
 * stream_read() copies what it has of a file's head, and for each tensor that
 * it touches goes from bytes to elements, from elements to rectangles of rows,
 * from a rectangle to the chunks that it lies in; what a chunk has of it is
 * moved to where it belongs (tensor/kernel.h). Chunks come from a cache
 * (chunks.h), or tensors from a temporary file where the cache cannot hold what
 * it takes (stream_spool.c). stream_ahead.c fills the cache before it is asked.
 */
#include "stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "stream_impl.h"
#include "tensor/kernel.h"
#include "workers.h"
#include "workspace.h"

/* Where a destination is not aligned to its elements. */
enum { BOUNCE = 16 << 10 };

struct made stream_made(const struct stream *s, size_t tensor)
{
    const struct plan_tensor *t = &s->plan->tensors[tensor];
    const struct work *w = s->works[t->model->array];
    struct made m = {
        .number = tensor,
        .tensor = t,
        .work = w,
        .place = schedule_slice(t) / w->grid.chunk[GRID_SLICE],
    };
    size_t low = 0;
    size_t high = w->slab_count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (w->slabs[middle] <= m.place)
            low = middle;
        else
            high = middle;
    }
    m.slab = &s->slabs[t->model->array][low];
    return m;
}

void stream_grid(const struct made *m, uint64_t *across, uint64_t *down)
{
    const uint64_t *count = m->work->grid.count;
    bool transpose = m->tensor->model->transpose;

    *across = count[transpose ? GRID_ROW : GRID_COLUMN];
    *down = count[transpose ? GRID_COLUMN : GRID_ROW];
}

struct box stream_chunk(const struct made *m, uint64_t across, uint64_t down)
{
    bool transpose = m->tensor->model->transpose;
    struct box b;

    b.from[GRID_SLICE] = m->place;
    b.from[GRID_ROW] = transpose ? across : down;
    b.from[GRID_COLUMN] = transpose ? down : across;
    for (unsigned i = 0; i < GRID_DIMS; i++)
        b.to[i] = b.from[i] + 1;
    return b;
}

bool stream_fits(const struct stream *s, const struct made *m)
{
    uint64_t across, down, bytes;

    stream_grid(m, &across, &down);
    return num_mul(across, array_chunk_bytes(m->work->array), &bytes) &&
           bytes <= chunks_room(s->chunks) / 2;
}

bool stream_is_decoded(const struct made *m)
{
    uint64_t across, down;

    stream_grid(m, &across, &down);
    return m->slab->decodes >= across * down;
}

void stream_count(struct stream *s, struct slab *slab)
{
    pthread_mutex_lock(&s->lock);
    slab->decodes++;
    pthread_mutex_unlock(&s->lock);
}

/* ---- opening ---- */

static int check_chunks(struct stream *s, uint64_t *largest, struct error *err)
{
    int rc = 0;

    *largest = 0;
    for (size_t i = 0; i < s->schedule.count && !rc; i++) {
        const struct array *a = s->schedule.works[i].array;

        *largest = num_max(*largest, array_chunk_bytes(a));
        rc = workspaces_check(a, s->options.memory, err);
    }
    return rc;
}

/* Which work and which slabs belong to an array. */
static int index_arrays(struct stream *s, struct error *err)
{
    size_t arrays = s->plan->checkpoint->count;
    size_t slabs = 0;
    size_t array;

    for (size_t i = 0; i < s->schedule.count; i++)
        slabs += s->schedule.works[i].slab_count;
    s->works = calloc(arrays + 1, sizeof *s->works);
    s->slabs = calloc(arrays + 1, sizeof *s->slabs);
    s->all_slabs = calloc(slabs + 1, sizeof *s->all_slabs);
    if (!s->works || !s->slabs || !s->all_slabs)
        return error_memory(err);
    slabs = 0;
    for (size_t i = 0; i < s->schedule.count; i++) {
        const struct work *w = &s->schedule.works[i];

        array = s->plan->tensors[w->tensors[0]].model->array;
        s->works[array] = w;
        s->slabs[array] = &s->all_slabs[slabs];
        slabs += w->slab_count;
    }
    for (size_t i = 0; i < s->plan->tensor_count; i++) {
        const struct made m = stream_made(s, i);

        m.slab->takers++;
        m.slab->bytes += m.tensor->bytes;
    }
    return 0;
}

static int prepare(struct stream *s, struct error *err)
{
    enum array_missing how = s->options.allow_missing_chunks
                                 ? ARRAY_MISSING_FILL
                                 : ARRAY_MISSING_ERROR;
    uint64_t largest = 0;
    int rc = schedule_make(s->plan, 0, &s->schedule, err);

    if (!rc)
        rc = check_chunks(s, &largest, err);
    if (!rc)
        rc = index_arrays(s, err);
    if (rc)
        return rc;
    stream_ahead_start(s, &s->options.memory);
    return chunks_new(s->options.memory, s->options.threads, largest, how,
                      &s->chunks, err);
}

int stream_open(const struct plan *p, const struct stream_options *o,
                struct stream **out, struct error *err)
{
    struct stream *s = calloc(1, sizeof *s);
    int rc;

    if (!s)
        return error_memory(err);
    s->plan = p;
    s->options = *o;
    s->options.threads = workers_count(o->threads);
    if (!o->memory)
        s->options.memory = WORKSPACES_BUDGET;
    /* These cannot fail on Linux. */
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->spooled, NULL);
    pthread_cond_init(&s->ahead.changed, NULL);
    rc = prepare(s, err);
    if (rc)
        stream_free(s);
    else
        *out = s;
    return rc;
}

static void free_slabs(struct stream *s)
{
    size_t slabs = 0;

    for (size_t i = 0; i < s->schedule.count; i++)
        slabs += s->schedule.works[i].slab_count;
    for (size_t i = 0; s->all_slabs && i < slabs; i++)
        stream_spool_free(s->all_slabs[i].spooled);
    free(s->all_slabs);
    free(s->slabs);
    free(s->works);
}

void stream_free(struct stream *s)
{
    if (!s)
        return;
    stream_ahead_stop(s);
    chunks_free(s->chunks);
    free_slabs(s);
    schedule_done(&s->schedule);
    pthread_cond_destroy(&s->ahead.changed);
    pthread_cond_destroy(&s->spooled);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

struct stream_counts stream_counts(const struct stream *s)
{
    return (struct stream_counts){
        .overflowed = atomic_load(&s->overflowed),
        .missing_chunks = chunks_missing(s->chunks),
    };
}

/* ---- reading ---- */

/*
 * Moves what a chunk has of a rectangle of the tensor to its place in dst,
 * whose rows are as wide as the rectangle.
 */
static void move(struct stream *s, const struct made *m,
                 const struct patch *have, const struct patch *want,
                 const unsigned char *data, unsigned char *dst)
{
    const struct work *w = m->work;
    const struct plan_tensor *t = m->tensor;
    bool transpose = t->model->transpose;
    uint64_t row = num_max(have->row, want->row);
    uint64_t col = num_max(have->col, want->col);
    uint64_t rows = num_min(have->row + have->rows, want->row + want->rows);
    uint64_t cols = num_min(have->col + have->cols, want->col + want->cols);
    uint64_t pitch = w->grid.chunk[GRID_COLUMN];
    uint64_t slice = schedule_slice(t) % w->grid.chunk[GRID_SLICE];
    uint64_t src = slice * w->grid.chunk[GRID_ROW] * pitch;
    size_t size = dtype_info(t->dtype)->size;
    struct kernel_tile tile;

    rows -= row;
    cols -= col;
    src += transpose ? (col - have->col) * pitch + (row - have->row)
                     : (row - have->row) * pitch + (col - have->col);
    dst += ((row - want->row) * want->cols + (col - want->col)) * size;
    tile = (struct kernel_tile){
        .src = data + src * dtype_info(w->array->dtype)->size,
        .dst = dst,
        .rows = (size_t)(transpose ? cols : rows),
        .cols = (size_t)(transpose ? rows : cols),
        .src_pitch = (size_t)pitch,
        .dst_pitch = (size_t)want->cols,
        .src_dtype = w->array->dtype,
        .dst_dtype = t->dtype,
        .transpose = transpose,
    };
    atomic_fetch_add(&s->overflowed, kernel_move(&tile));
    if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
        for (uint64_t i = 0; i < rows; i++)
            dtype_swap(t->dtype, dst + i * want->cols * size, (size_t)cols);
}

/* A rectangle of a tensor; dst is aligned to its elements. */
static int read_patch(struct stream *s, const struct made *m,
                      const struct patch *want, unsigned char *dst,
                      struct error *err)
{
    const struct work *w = m->work;
    bool transpose = m->tensor->model->transpose;
    uint64_t high = w->grid.chunk[transpose ? GRID_COLUMN : GRID_ROW];
    uint64_t wide = w->grid.chunk[transpose ? GRID_ROW : GRID_COLUMN];
    struct chunk *chunk = NULL;
    bool decoded = false;
    int rc;

    for (uint64_t i = want->row / high; i * high < want->row + want->rows; i++)
        for (uint64_t k = want->col / wide; k * wide < want->col + want->cols;
             k++) {
            const struct box at = stream_chunk(m, k, i);
            const struct box elements = grid_elements(&w->grid, &at);
            const struct patch have =
                grid_patch(&w->grid, &elements, transpose);

            rc = chunks_get(s->chunks, w->array, grid_index(&w->grid, at.from),
                            &chunk, &decoded, err);
            if (rc)
                return rc;
            if (decoded)
                stream_count(s, m->slab);
            move(s, m, &have, want, chunk->data, dst);
            chunks_put(s->chunks, chunk);
        }
    return 0;
}

/* Elements [from, to) of a tensor; dst is aligned to them. */
static int read_elements(struct stream *s, const struct made *m, uint64_t from,
                         uint64_t to, unsigned char *dst, struct error *err)
{
    const uint64_t *shape = m->work->grid.shape;
    uint64_t pitch =
        shape[m->tensor->model->transpose ? GRID_ROW : GRID_COLUMN];
    size_t size = dtype_info(m->tensor->dtype)->size;
    int rc = 0;

    while (from < to && !rc) {
        struct patch p = {
            .row = from / pitch, .col = from % pitch, .rows = 1, .pitch = pitch
        };

        p.cols = num_min(pitch - p.col, to - from);
        if (p.cols == pitch)
            p.rows = (to - from) / pitch;
        rc = read_patch(s, m, &p, dst, err);
        from += p.rows * p.cols;
        dst += p.rows * p.cols * size;
    }
    return rc;
}

/* Any bytes of a tensor, to anywhere: through a buffer that is aligned. */
static int read_bounced(struct stream *s, const struct made *m, uint64_t offset,
                        unsigned char *dst, size_t len, struct error *err)
{
    _Alignas(16) unsigned char bounce[BOUNCE];
    size_t size = dtype_info(m->tensor->dtype)->size;
    int rc = 0;

    while (len > 0 && !rc) {
        uint64_t first = offset / size;
        size_t skip = (size_t)(offset % size);
        size_t n = (size_t)num_min(len, BOUNCE - skip);

        rc = read_elements(s, m, first, num_ceil_div(offset + n, size), bounce,
                           err);
        if (rc)
            break;
        memcpy(dst, bounce + skip, n);
        offset += n;
        dst += n;
        len -= n;
    }
    return rc;
}

/* Bytes of a tensor: those of whole elements go where they belong at once. */
static int read_bytes(struct stream *s, const struct made *m, uint64_t offset,
                      unsigned char *dst, size_t len, struct error *err)
{
    size_t size = dtype_info(m->tensor->dtype)->size;
    size_t head = (size_t)((size - offset % size) % size);
    size_t whole = len < head ? 0 : (len - head) / size * size;
    int rc = 0;

    if (whole == 0 || (uintptr_t)(dst + head) % size != 0)
        return read_bounced(s, m, offset, dst, len, err);
    if (head > 0)
        rc = read_bounced(s, m, offset, dst, head, err);
    if (!rc)
        rc = read_elements(s, m, (offset + head) / size,
                           (offset + head + whole) / size, dst + head, err);
    if (!rc && len > head + whole)
        rc = read_bounced(s, m, offset + head + whole, dst + head + whole,
                          len - head - whole, err);
    return rc;
}

struct span {
    struct stream *stream;
    unsigned char *dst;
};

static int read_piece(void *ctx, size_t tensor, uint64_t in_tensor,
                      uint64_t in_span, uint64_t len, struct error *err)
{
    const struct span *span = ctx;
    struct stream *s = span->stream;
    const struct made m = stream_made(s, tensor);
    unsigned char *dst = span->dst + in_span;
    bool found = false;
    int rc = stream_spooled(s, &m, in_tensor, dst, (size_t)len, &found, err);

    if (rc || found)
        return rc;
    return read_bytes(s, &m, in_tensor, dst, (size_t)len, err);
}

int stream_read(struct stream *s, size_t file, uint64_t offset, void *dst,
                size_t len, struct error *err)
{
    const struct plan_file *f = &s->plan->files[file];
    struct span span = { .stream = s, .dst = dst };
    size_t head = 0;

    if (offset > f->size || len > f->size - offset)
        return error_set(err, ERR_RANGE, "the range lies outside of %.100s",
                         f->name);
    if (offset < f->head.len) {
        head = (size_t)num_min(len, f->head.len - offset);
        memcpy(dst, f->head.data + offset, head);
    }
    if (head == len)
        return 0;
    span.dst += head;
    stream_ahead_at(s, file, offset + head);
    return plan_each_piece(s->plan, f, offset + head, len - head, read_piece,
                           &span, err);
}
