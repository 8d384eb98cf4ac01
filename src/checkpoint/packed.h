/*
 * Numpy arrays inside a flax msgpack tree.
 */
#ifndef SWITCHYARD_CHECKPOINT_PACKED_H
#define SWITCHYARD_CHECKPOINT_PACKED_H

#include "checkpoint/array.h"
#include "checkpoint/inline.h"
#include "checkpoint/msgpack.h"

/* flax's extension codes. */
enum {
    EXT_NDARRAY = 1,
    EXT_COMPLEX = 2, /* two floats */
    EXT_SCALAR = 3,  /* packed as an array of rank 0 */
};

struct packed {
    struct array like;  /* rank, shape and dtype are set */
    struct extent data; /* where the array's bytes are */
};

/*
 * Reads the payload of item, an EXT_NDARRAY or EXT_SCALAR; the place does not
 * change. That the bytes fill the shape is left to inline_new(). name is the
 * array's, for errors.
 */
int packed_read(struct msgpack *m, const struct msgpack_item *item,
                const char *name, struct packed *out, struct error *err);

#endif
