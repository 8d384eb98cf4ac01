/*
 * What the variants of the kernels share; private to tensor/kernel*.c.
 */
#ifndef SWITCHYARD_TENSOR_KERNEL_IMPL_H
#define SWITCHYARD_TENSOR_KERNEL_IMPL_H

#include "tensor/kernel.h"

/* dst[c * dst_pitch + r] = src[r * src_pitch + c]; pitches in elements. */
typedef void (*kernel_transpose_fn)(const void *src, void *dst, size_t rows,
                                    size_t cols, size_t src_pitch,
                                    size_t dst_pitch);

/* Casts n elements; returns how many finite ones became infinite. */
typedef uint64_t (*kernel_cast_fn)(const void *src, void *dst, size_t n);

/* The columns of the table of casts. */
enum kernel_target {
    KERNEL_TO_F32,
    KERNEL_TO_BF16,
    KERNEL_TO_F16,
    KERNEL_TARGETS
};

/* Where an entry is NULL the plain variant stands in; its table is full. */
struct kernel_ops {
    const char *name;
    kernel_transpose_fn transpose[5]; /* by log2 of the element's bytes */
    kernel_cast_fn cast[DTYPE_COUNT][KERNEL_TARGETS];
};

extern const struct kernel_ops kernel_plain;

/* NULL where this CPU, or the compiler's target, lacks AVX2 and F16C. */
const struct kernel_ops *kernel_avx2(void);

#endif
