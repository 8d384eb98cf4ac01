/*
 * Kernels: from a tile's description to the loops that move it.
 *
 * Four cases: copy, cast, transpose, and cast with transpose. The last goes
 * through a block small enough to stay in the first cache: rows are cast into
 * it, and it is transposed into place, so memory is read and written once.
 */
#include "tensor/kernel.h"

#include <stdatomic.h>
#include <string.h>

#include "tensor/kernel_impl.h"

/* Edge of the block of a cast with transpose: 16 KiB of float32. */
enum { BLOCK = 64 };

static _Atomic(const struct kernel_ops *) chosen;

static const struct kernel_ops *best(void)
{
    const struct kernel_ops *ops = kernel_avx2();

    return ops ? ops : &kernel_plain;
}

/* Every thread that comes first chooses the same, so a race does no harm. */
static const struct kernel_ops *current(void)
{
    const struct kernel_ops *ops = atomic_load(&chosen);

    if (!ops) {
        ops = best();
        atomic_store(&chosen, ops);
    }
    return ops;
}

const char *kernel_name(void)
{
    return current()->name;
}

void kernel_force_plain(bool plain)
{
    atomic_store(&chosen, plain ? &kernel_plain : best());
}

static enum kernel_target target_of(enum dtype t)
{
    switch (t) {
    case DTYPE_F32:
        return KERNEL_TO_F32;
    case DTYPE_BF16:
        return KERNEL_TO_BF16;
    case DTYPE_F16:
        return KERNEL_TO_F16;
    default:
        return KERNEL_TARGETS;
    }
}

bool kernel_can_cast(enum dtype from, enum dtype to)
{
    if (from == to)
        return dtype_info(from)->size > 0;
    return dtype_info(from)->castable && target_of(to) < KERNEL_TARGETS;
}

static kernel_cast_fn find_cast(enum dtype from, enum dtype to)
{
    enum kernel_target target = target_of(to);
    kernel_cast_fn fast = current()->cast[from][target];

    return fast ? fast : kernel_plain.cast[from][target];
}

static kernel_transpose_fn find_transpose(size_t size)
{
    int slot = __builtin_ctzl(size);
    kernel_transpose_fn fast = current()->transpose[slot];

    return fast ? fast : kernel_plain.transpose[slot];
}

static void copy(const struct kernel_tile *t, size_t size)
{
    const unsigned char *src = t->src;
    unsigned char *dst = t->dst;

    if (t->src_pitch == t->cols && t->dst_pitch == t->cols) {
        memcpy(dst, src, t->rows * t->cols * size);
        return;
    }
    for (size_t r = 0; r < t->rows; r++)
        memcpy(dst + r * t->dst_pitch * size, src + r * t->src_pitch * size,
               t->cols * size);
}

static uint64_t cast(const struct kernel_tile *t, size_t from, size_t to)
{
    const unsigned char *src = t->src;
    unsigned char *dst = t->dst;
    kernel_cast_fn fn = find_cast(t->src_dtype, t->dst_dtype);
    uint64_t overflowed = 0;

    if (t->src_pitch == t->cols && t->dst_pitch == t->cols)
        return fn(src, dst, t->rows * t->cols);
    for (size_t r = 0; r < t->rows; r++)
        overflowed += fn(src + r * t->src_pitch * from,
                         dst + r * t->dst_pitch * to, t->cols);
    return overflowed;
}

static uint64_t cast_transposed(const struct kernel_tile *t, size_t from,
                                size_t to)
{
    const unsigned char *src = t->src;
    unsigned char *dst = t->dst;
    _Alignas(64) uint32_t block[BLOCK * BLOCK];
    unsigned char *bytes = (unsigned char *)block;
    kernel_cast_fn fn = find_cast(t->src_dtype, t->dst_dtype);
    kernel_transpose_fn transpose = find_transpose(to);
    uint64_t overflowed = 0;
    size_t rows, cols;

    for (size_t r = 0; r < t->rows; r += rows) {
        rows = t->rows - r < BLOCK ? t->rows - r : BLOCK;
        for (size_t c = 0; c < t->cols; c += cols) {
            cols = t->cols - c < BLOCK ? t->cols - c : BLOCK;
            for (size_t i = 0; i < rows; i++)
                overflowed += fn(src + ((r + i) * t->src_pitch + c) * from,
                                 bytes + i * BLOCK * to, cols);
            transpose(bytes, dst + (c * t->dst_pitch + r) * to, rows, cols,
                      BLOCK, t->dst_pitch);
        }
    }
    return overflowed;
}

uint64_t kernel_move(const struct kernel_tile *t)
{
    size_t from = dtype_info(t->src_dtype)->size;
    size_t to = dtype_info(t->dst_dtype)->size;

    if (t->rows == 0 || t->cols == 0)
        return 0;
    if (t->src_dtype != t->dst_dtype)
        return t->transpose ? cast_transposed(t, from, to) : cast(t, from, to);
    if (t->transpose)
        find_transpose(to)(t->src, t->dst, t->rows, t->cols, t->src_pitch,
                           t->dst_pitch);
    else
        copy(t, to);
    return 0;
}
