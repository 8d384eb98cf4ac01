/*
 * The geometry of a conversion: an array seen as slices of rows and columns,
 * cut into chunks, and where a part of it lands in a tensor.
 */
#ifndef SWITCHYARD_GRID_H
#define SWITCHYARD_GRID_H

#include "checkpoint/array.h"

/* Slices (experts), rows and columns of a slice. */
enum { GRID_SLICE, GRID_ROW, GRID_COLUMN, GRID_DIMS };

struct grid {
    uint64_t shape[GRID_DIMS];
    uint64_t chunk[GRID_DIMS];
    uint64_t count[GRID_DIMS]; /* of chunks; 0 where the shape is 0 */
};

/* [from, to) along each dimension, of elements or of chunks. */
struct box {
    uint64_t from[GRID_DIMS];
    uint64_t to[GRID_DIMS];
};

/*
 * A rectangle of a tensor's matrix, which is pitch columns wide. It is one
 * stretch of the file where cols == pitch or rows == 1.
 */
struct patch {
    uint64_t row, col;
    uint64_t rows, cols;
    uint64_t pitch;
};

/* Ranks 0 to 3 become [1, 1, 1], [1, 1, B], [1, A, B] and [E, A, B]. */
int grid_make(const struct array *a, struct grid *out, struct error *err);

/* The number of the chunk at those coordinates, as array_read_chunk() wants. */
uint64_t grid_index(const struct grid *g, const uint64_t at[GRID_DIMS]);

/* The elements of a box of chunks, without what hangs over the edges. */
struct box grid_elements(const struct grid *g, const struct box *chunks);

/* Where a box's part of any one slice lands. */
struct patch grid_patch(const struct grid *g, const struct box *elements,
                        bool transpose);

#endif
