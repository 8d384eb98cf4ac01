/*
 * The leaves of a flax msgpack tree: arrays that the index itself holds.
 */
#ifndef SWITCHYARD_CHECKPOINT_LEAF_H
#define SWITCHYARD_CHECKPOINT_LEAF_H

#include "checkpoint/array.h"
#include "checkpoint/msgpack.h"

enum leaf_kind {
    LEAF_TREE,    /* a map of more maps and leaves */
    LEAF_SPEC,    /* a tensorstore spec: the array is in its own folder */
    LEAF_CHUNKED, /* an array that flax cut into pieces of 1 GiB */
};

/*
 * What the map that item begins is, by its keys; the place does not change.
 * Looking takes from *budget, and ERR_LIMIT is raised where it runs out.
 */
int leaf_classify(struct msgpack *m, const struct msgpack_item *item,
                  uint64_t *budget, enum leaf_kind *kind, struct error *err);

/*
 * The array that item, neither a map nor a list, is. *out is NULL for nil.
 * Its bytes are read through m's store, which must outlive it.
 */
int leaf_read(struct msgpack *m, const struct msgpack_item *item,
              const char *name, struct array **out, struct error *err);

/* A whole number, as itself or as a numpy scalar; -1 for anything else. */
int leaf_integer(struct msgpack *m, const struct msgpack_item *item,
                 int64_t *out, struct error *err);

#endif
