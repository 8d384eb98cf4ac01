/*
 * Blosc 1 frames, decoded.
 */
#ifndef SWITCHYARD_CHECKPOINT_BLOSC_H
#define SWITCHYARD_CHECKPOINT_BLOSC_H

#include <stddef.h>

#include "base/error.h"
#include "checkpoint/scratch.h"

/* As the decode member of struct codec. */
int blosc_decode(struct scratch *s, const unsigned char *src, size_t n,
                 unsigned char *dst, size_t size, size_t *got,
                 struct error *err);

#endif
