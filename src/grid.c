/*
 * Boxes of chunks, boxes of elements, rectangles of a tensor.
 */
#include "grid.h"

#include "base/num.h"

int grid_make(const struct array *a, struct grid *out, struct error *err)
{
    unsigned skip = GRID_DIMS - a->rank;

    if (a->rank > GRID_DIMS) {
        error_set(err, ERR_SHAPE, "array %.200s has too many dimensions",
                  a->name);
        error_subject(err, "%s", a->name);
        error_expected(err, "at most %d", GRID_DIMS);
        return error_actual(err, "%u", a->rank);
    }
    for (unsigned i = 0; i < GRID_DIMS; i++) {
        out->shape[i] = i < skip ? 1 : a->shape[i - skip];
        out->chunk[i] = i < skip ? 1 : a->chunk[i - skip];
        out->count[i] = num_ceil_div(out->shape[i], out->chunk[i]);
    }
    return 0;
}

uint64_t grid_index(const struct grid *g, const uint64_t at[GRID_DIMS])
{
    return (at[GRID_SLICE] * g->count[GRID_ROW] + at[GRID_ROW]) *
               g->count[GRID_COLUMN] +
           at[GRID_COLUMN];
}

struct box grid_elements(const struct grid *g, const struct box *chunks)
{
    struct box b;

    for (unsigned i = 0; i < GRID_DIMS; i++) {
        b.from[i] = chunks->from[i] * g->chunk[i];
        b.to[i] = num_min(chunks->to[i] * g->chunk[i], g->shape[i]);
    }
    return b;
}

struct patch grid_patch(const struct grid *g, const struct box *elements,
                        bool transpose)
{
    unsigned down = transpose ? GRID_COLUMN : GRID_ROW;
    unsigned across = transpose ? GRID_ROW : GRID_COLUMN;

    return (struct patch){
        .row = elements->from[down],
        .col = elements->from[across],
        .rows = elements->to[down] - elements->from[down],
        .cols = elements->to[across] - elements->from[across],
        .pitch = g->shape[across],
    };
}
