/*
 * Blocks whose dimensions are stored in another order.
 */
#ifndef SWITCHYARD_CHECKPOINT_PERMUTE_H
#define SWITCHYARD_CHECKPOINT_PERMUTE_H

#include "checkpoint/array.h"

/*
 * Copies a block of rank dimensions. dst is in C order and has that shape; src
 * is in C order too, but its dimension i is dimension order[i] of dst. order is
 * a permutation of 0 to rank - 1. Both are aligned to elements of t and do not
 * overlap.
 */
void permute_block(const void *src, void *dst, enum dtype t, unsigned rank,
                   const uint64_t *shape, const unsigned char *order);

/* Whether such a copy would change nothing. */
bool permute_is_plain(unsigned rank, const unsigned char *order);

#endif
