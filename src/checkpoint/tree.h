/*
 * The tree of parameters inside an index.
 */
#ifndef SWITCHYARD_CHECKPOINT_TREE_H
#define SWITCHYARD_CHECKPOINT_TREE_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/msgpack.h"

/*
 * Adds an array to c for every leaf of the map at pos, named by its keys with
 * '/' between them. Tensorstore specs name folders inside folder of c's store.
 */
int tree_read(struct msgpack *m, uint64_t pos, unsigned version,
              struct checkpoint *c, const char *folder, struct error *err);

#endif
