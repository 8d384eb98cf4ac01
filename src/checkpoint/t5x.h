/*
 * T5X checkpoints: one msgpack index, and a zarr folder for each large array.
 */
#ifndef SWITCHYARD_CHECKPOINT_T5X_H
#define SWITCHYARD_CHECKPOINT_T5X_H

#include "checkpoint/checkpoint.h"

/*
 * Reads the index called object in folder ("" for the store's root) of c's
 * store and adds the arrays of its optimizer/target to c.
 */
int t5x_open(struct checkpoint *c, const char *folder, const char *object,
             struct error *err);

#endif
