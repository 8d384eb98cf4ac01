/*
 * Blosc's two filters, undone. src and dst do not overlap.
 */
#ifndef SWITCHYARD_CHECKPOINT_SHUFFLE_H
#define SWITCHYARD_CHECKPOINT_SHUFFLE_H

#include <stddef.h>

/*
 * Byte shuffle: the first bytes of all elements, then the second ones, and so
 * on; bytes beyond the last whole element follow unchanged.
 */
void shuffle_undo(const unsigned char *src, unsigned char *dst, size_t size,
                  size_t typesize);

/*
 * Bit shuffle: the same with bits. size must be a multiple of 8 elements and
 * rest bytes that follow unchanged.
 */
void shuffle_undo_bits(const unsigned char *src, unsigned char *dst,
                       size_t size, size_t typesize);

#endif
