/*
 * Reordering dimensions.
 *
 * Only two dimensions matter for speed: the one that runs fastest in src and
 * the one that does in dst. They make a matrix, transposed unless they are the
 * same, that the kernels move; an odometer over the rest finds its copies.
 * Before that, dimensions of one element go and neighbours that stay
 * neighbours become one, which makes the matrices as large as they can be.
 */
#include "checkpoint/permute.h"

#include <string.h>

#include "tensor/kernel.h"

/* A dimension of dst, and how far apart its elements are in each block. */
struct axis {
    uint64_t count;
    uint64_t src;
    uint64_t dst;
};

bool permute_is_plain(unsigned rank, const unsigned char *order)
{
    for (unsigned i = 0; i < rank; i++)
        if (order[i] != i)
            return false;
    return true;
}

/* The axes in dst's order, as few as will do; how many they are. */
static unsigned make_axes(unsigned rank, const uint64_t *shape,
                          const unsigned char *order,
                          struct axis axes[static ARRAY_MAX_RANK])
{
    uint64_t src[ARRAY_MAX_RANK];
    uint64_t step = 1;
    unsigned n = 0;

    for (unsigned i = rank; i-- > 0; step *= shape[order[i]])
        src[order[i]] = step;
    step = 1;
    for (unsigned i = rank; i-- > 0; step *= shape[i]) {
        if (shape[i] == 1)
            continue;
        if (n > 0 && src[i] == axes[n - 1].src * axes[n - 1].count)
            axes[n - 1].count *= shape[i];
        else
            axes[n++] = (struct axis){ shape[i], src[i], step };
    }
    return n;
}

/*
 * axes[0] runs fastest in dst. Picks the axis that makes the matrix with it:
 * the one that runs fastest in src, or if that is itself, the next.
 */
static unsigned pick_partner(const struct axis *axes, unsigned n)
{
    unsigned best = 1;

    if (axes[0].src == 1)
        return 1;
    for (unsigned i = 2; i < n; i++)
        if (axes[i].src < axes[best].src)
            best = i;
    return best;
}

static struct kernel_tile make_tile(const struct axis *fast,
                                    const struct axis *partner, enum dtype t)
{
    if (fast->src == 1)
        return (struct kernel_tile){ .rows = partner->count,
                                     .cols = fast->count,
                                     .src_pitch = partner->src,
                                     .dst_pitch = partner->dst,
                                     .src_dtype = t,
                                     .dst_dtype = t };
    return (struct kernel_tile){ .rows = fast->count,
                                 .cols = partner->count,
                                 .src_pitch = fast->src,
                                 .dst_pitch = partner->dst,
                                 .src_dtype = t,
                                 .dst_dtype = t,
                                 .transpose = true };
}

/* Moves a tile for each place of the other n axes. */
static void move_all(struct kernel_tile *tile, const struct axis *axes,
                     unsigned n, size_t size)
{
    const unsigned char *src = tile->src;
    unsigned char *dst = tile->dst;
    uint64_t at[ARRAY_MAX_RANK] = { 0 };
    unsigned i;

    do {
        tile->src = src;
        tile->dst = dst;
        kernel_move(tile);
        for (i = 0; i < n; i++) {
            src += axes[i].src * size;
            dst += axes[i].dst * size;
            if (++at[i] < axes[i].count)
                break;
            src -= axes[i].src * axes[i].count * size;
            dst -= axes[i].dst * axes[i].count * size;
            at[i] = 0;
        }
    } while (i < n);
}

void permute_block(const void *src, void *dst, enum dtype t, unsigned rank,
                   const uint64_t *shape, const unsigned char *order)
{
    struct axis axes[ARRAY_MAX_RANK + 1];
    unsigned n = make_axes(rank, shape, order, axes);
    size_t size = dtype_info(t)->size;
    struct kernel_tile tile;
    unsigned partner;

    for (unsigned i = 0; i < rank; i++)
        if (shape[i] == 0)
            return;
    if (n < 2) {
        memcpy(dst, src, (n ? axes[0].count : 1) * size);
        return;
    }
    partner = pick_partner(axes, n);
    tile = make_tile(&axes[0], &axes[partner], t);
    tile.src = src;
    tile.dst = dst;
    memmove(&axes[partner], &axes[partner + 1],
            (n - 1 - partner) * sizeof *axes);
    move_all(&tile, axes + 1, n - 2, size);
}
