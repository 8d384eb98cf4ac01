/*
 * Arrays that flax cut into pieces.
 */
#ifndef SWITCHYARD_CHECKPOINT_CHUNKED_H
#define SWITCHYARD_CHECKPOINT_CHUNKED_H

#include "checkpoint/array.h"
#include "checkpoint/msgpack.h"

/* The key by which such a map is known. */
#define CHUNKED_MARK "__msgpack_chunked_array__"

/* The array that the map item begins is; moves behind it. */
int chunked_read(struct msgpack *m, const struct msgpack_item *item,
                 const char *name, struct array **out, struct error *err);

#endif
