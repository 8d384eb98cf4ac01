/*
 * What flax.training.checkpoints writes besides optimizers: one msgpack file,
 * "checkpoint_<step>", and beside it a folder "checkpoint_<step>_gda" for
 * arrays that lay on several hosts.
 */
#ifndef SWITCHYARD_CHECKPOINT_FLAX_H
#define SWITCHYARD_CHECKPOINT_FLAX_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/msgpack.h"

/*
 * Moves *pos, where a map begins, to the parameters: the member "params", if it
 * has one that is a map, and so on. A TrainState has them, and the variables
 * of a model; a dict of parameters is one itself.
 */
int flax_find_params(struct msgpack *m, uint64_t *pos, struct error *err);

/*
 * Adds the array called name to c if text stands for one in the folder beside
 * the index; *found says whether it does.
 */
int flax_add_far(struct checkpoint *c, const char *index, const char *text,
                 const char *name, bool *found, struct error *err);

#endif
