/*
 * Snappy's raw format, decoded.
 */
#ifndef SWITCHYARD_CHECKPOINT_SNAPPY_H
#define SWITCHYARD_CHECKPOINT_SNAPPY_H

#include <stdbool.h>
#include <stddef.h>

/* Whether all of src is valid and fills exactly the size bytes at dst. */
bool snappy_decode(const unsigned char *src, size_t n, unsigned char *dst,
                   size_t size);

#endif
