/*
 * BloscLZ blocks, decoded.
 */
#ifndef SWITCHYARD_CHECKPOINT_BLOSCLZ_H
#define SWITCHYARD_CHECKPOINT_BLOSCLZ_H

#include <stdbool.h>
#include <stddef.h>

/* Whether all of src is valid and fills exactly the size bytes at dst. */
bool blosclz_decode(const unsigned char *src, size_t n, unsigned char *dst,
                    size_t size);

#endif
