/*
 * Kernels: move a tile of a matrix, transposed or not, cast on the way.
 *
 * A kernel never allocates and never fails: shapes are checked by who made the
 * plan. The fastest variant for this CPU is chosen once, at first use; the
 * plain C one is always there and gives the same bytes.
 */
#ifndef SWITCHYARD_TENSOR_KERNEL_H
#define SWITCHYARD_TENSOR_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/dtype.h"

/*
 * rows x cols elements at src, its rows src_pitch elements apart. Element
 * (r, c) goes to dst[r * dst_pitch + c], or with transpose set to
 * dst[c * dst_pitch + r]. src and dst do not overlap and are aligned to their
 * elements' sizes at least.
 */
struct kernel_tile {
    const void *src;
    void *dst;
    size_t rows;
    size_t cols;
    size_t src_pitch;
    size_t dst_pitch;
    enum dtype src_dtype; /* native byte order, castable or equal to dst's */
    enum dtype dst_dtype; /* DTYPE_F32, _BF16, _F16, or equal to src's */
    bool transpose;
};

/*
 * Does it. Casts round to nearest, ties to even, once (never twice through a
 * third type); NaN stays NaN. Returns how many finite values became infinite.
 */
uint64_t kernel_move(const struct kernel_tile *tile);

/* "avx2" or "plain": what kernel_move uses; the second forces the plain one. */
const char *kernel_name(void);
void kernel_force_plain(bool plain);

/* True if kernel_move can go from one dtype to the other. */
bool kernel_can_cast(enum dtype from, enum dtype to);

#endif
