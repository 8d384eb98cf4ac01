/*
 * Windows over an array, and the parts of chunks that lie in them.
 */
#include "window.h"

#include <string.h>

#include "base/num.h"
#include "checkpoint/scratch.h"

/* The part of a chunk that lies in a window. */
struct part {
    uint64_t count[ARRAY_MAX_RANK]; /* elements along each dimension */
    uint64_t src[ARRAY_MAX_RANK];   /* strides in the chunk, in bytes */
    uint64_t dst[ARRAY_MAX_RANK];   /* and in the window */
    uint64_t src_at, dst_at;        /* where it begins in each */
    bool first;                     /* it has the chunk's first element */
};

/* Where the range ends that begins at from[dim]: at a chunk's edge if it can.
 */
static uint64_t range_end(const struct window *w)
{
    const struct array *a = w->array;
    uint64_t from = w->from[w->dim];
    uint64_t chunk = a->chunk[w->dim];
    uint64_t end = num_min(from + w->rows, a->shape[w->dim]);

    return w->rows < chunk ? num_min(end, (from / chunk + 1) * chunk) : end;
}

void window_first(struct window *w, const struct array *a, uint64_t room)
{
    uint64_t row = array_bytes(a);
    uint64_t fits;

    *w = (struct window){ .array = a, .done = row == 0, .spooled = UINT64_MAX };
    if (a->rank == 0 || w->done)
        return;
    for (w->dim = 0;; w->dim++) {
        row /= a->shape[w->dim];
        if (row <= room || w->dim + 1 == a->rank)
            break;
    }
    fits = num_max(1, room / row);
    if (fits < a->chunk[w->dim])
        fits = num_ceil_div(a->chunk[w->dim],
                            num_ceil_div(a->chunk[w->dim], fits));
    else
        fits -= fits % a->chunk[w->dim];
    w->rows = num_min(fits, a->shape[w->dim]);
    for (unsigned i = 0; i < a->rank; i++)
        w->to[i] = i < w->dim ? 1 : a->shape[i];
    w->to[w->dim] = range_end(w);
}

void window_next(struct window *w)
{
    const struct array *a = w->array;
    unsigned i = w->dim;

    w->done = true;
    if (a->rank == 0)
        return;
    w->from[i] = w->to[i];
    while (w->from[i] == a->shape[i]) {
        w->from[i] = 0;
        if (i == 0)
            return;
        i--;
        w->from[i]++;
    }
    w->done = false;
    for (i = 0; i < w->dim; i++)
        w->to[i] = w->from[i] + 1;
    w->to[w->dim] = range_end(w);
}

size_t window_bytes(const struct window *w)
{
    size_t bytes = w->done ? 0 : dtype_info(w->array->dtype)->size;

    for (unsigned i = 0; i < w->array->rank; i++)
        bytes *= (size_t)(w->to[i] - w->from[i]);
    return bytes;
}

uint64_t window_decodes(const struct window *w)
{
    const struct array *a = w->array;
    uint64_t times = 1;

    if (a->rank == 0 || w->done)
        return 1;
    if (w->rows < a->chunk[w->dim])
        times =
            num_ceil_div(num_min(a->chunk[w->dim], a->shape[w->dim]), w->rows);
    for (unsigned i = 0; i < w->dim; i++)
        times *= num_min(a->chunk[i], a->shape[i]);
    return times;
}

/* Chunks with one index along the first dimension. */
static uint64_t chunks_of_row(const struct array *a)
{
    return array_chunks(a) / array_grid(a, 0);
}

uint64_t window_spool_bytes(const struct window *w)
{
    uint64_t bytes;

    return num_mul(chunks_of_row(w->array), array_chunk_bytes(w->array), &bytes)
               ? bytes
               : UINT64_MAX;
}

void window_use_spool(struct window *w, struct spool *borrowed)
{
    w->spool = borrowed;
}

/* The part of the chunk at those places of the grid. */
static void make_part(const struct window *w, const uint64_t *at,
                      struct part *p)
{
    const struct array *a = w->array;
    uint64_t src = dtype_info(a->dtype)->size;
    uint64_t dst = src;

    *p = (struct part){ .first = true };
    for (unsigned i = a->rank; i-- > 0;) {
        uint64_t begin = at[i] * a->chunk[i];
        uint64_t from = num_max(w->from[i], begin);

        p->count[i] = num_min(w->to[i], begin + a->chunk[i]) - from;
        p->src[i] = src;
        p->dst[i] = dst;
        p->src_at += (from - begin) * src;
        p->dst_at += (from - w->from[i]) * dst;
        p->first = p->first && from == begin;
        src *= a->chunk[i];
        dst *= w->to[i] - w->from[i];
    }
}

/* Copies it, in runs that are as long as both sides allow. */
static void copy_part(const struct part *p, unsigned rank, size_t size,
                      const unsigned char *src, unsigned char *dst)
{
    uint64_t at[ARRAY_MAX_RANK] = { 0 };
    uint64_t run = size;
    unsigned outer = rank;
    unsigned i = 1;

    while (outer > 0 && p->src[outer - 1] == run && p->dst[outer - 1] == run)
        run *= p->count[--outer];
    src += p->src_at;
    dst += p->dst_at;
    while (i > 0) {
        memcpy(dst, src, (size_t)run);
        for (i = outer; i > 0; i--) {
            src += p->src[i - 1];
            dst += p->dst[i - 1];
            if (++at[i - 1] < p->count[i - 1])
                break;
            src -= p->src[i - 1] * p->count[i - 1];
            dst -= p->dst[i - 1] * p->count[i - 1];
            at[i - 1] = 0;
        }
    }
}

/* The next place in the grid that the window reaches; false at the end. */
static bool next_chunk(const struct window *w, uint64_t *at)
{
    const struct array *a = w->array;

    for (unsigned i = a->rank; i-- > 0;) {
        if ((++at[i]) * a->chunk[i] < w->to[i])
            return true;
        at[i] = w->from[i] / a->chunk[i];
    }
    return false;
}

static uint64_t index_of(const struct array *a, const uint64_t *at)
{
    uint64_t index = 0;

    for (unsigned i = 0; i < a->rank; i++)
        index = index * array_grid(a, i) + at[i];
    return index;
}

/* Decodes the row of chunks that the window lies in, unless it is there. */
static int fill_spool(struct window *w, enum array_missing how,
                      struct scratch *s, uint64_t *missing, struct error *err)
{
    const struct array *a = w->array;
    size_t bytes = (size_t)array_chunk_bytes(a);
    uint64_t row = w->from[0] / a->chunk[0];
    uint64_t count = chunks_of_row(a);
    const void *data = NULL;
    bool absent = false;
    int rc = 0;

    if (w->spooled == row)
        return 0;
    w->spooled = UINT64_MAX;
    for (uint64_t i = 0; i < count && !rc; i++) {
        rc = array_read_chunk(a, row * count + i, how, s, &data, &absent, err);
        if (!rc)
            rc = spool_write(w->spool, i * bytes, data, bytes, err);
        *missing += !rc && absent;
    }
    if (!rc)
        w->spooled = row;
    return rc;
}

/*
 * The part, which is a run of the chunk's bytes but for what hangs over the
 * array's edges behind w->dim: read with all of that.
 */
static int read_spooled(const struct window *w, uint64_t index, struct part *p,
                        struct scratch *s, const void **data, struct error *err)
{
    const struct array *a = w->array;
    uint64_t at = index % chunks_of_row(a) * array_chunk_bytes(a) + p->src_at;
    size_t len = (size_t)(p->count[w->dim] * p->src[w->dim]);
    int rc = scratch_room(&s->out, len, err);

    if (!rc)
        rc = spool_read(w->spool, at, s->out.data, len, err);
    p->src_at = 0;
    *data = s->out.data;
    return rc;
}

int window_read(struct window *w, enum array_missing how, struct scratch *s,
                unsigned char *dst, uint64_t *missing, struct error *err)
{
    const struct array *a = w->array;
    size_t size = dtype_info(a->dtype)->size;
    uint64_t at[ARRAY_MAX_RANK];
    const void *data = NULL;
    bool absent = false;
    struct part p;
    int rc = w->spool ? fill_spool(w, how, s, missing, err) : 0;

    if (rc)
        return rc;
    for (unsigned i = 0; i < a->rank; i++)
        at[i] = w->from[i] / a->chunk[i];
    do {
        make_part(w, at, &p);
        if (w->spool)
            rc = read_spooled(w, index_of(a, at), &p, s, &data, err);
        else
            rc = array_read_chunk(a, index_of(a, at), how, s, &data, &absent,
                                  err);
        if (rc)
            return rc;
        copy_part(&p, a->rank, size, data, dst);
        *missing += absent && p.first;
    } while (next_chunk(w, at));
    return 0;
}
