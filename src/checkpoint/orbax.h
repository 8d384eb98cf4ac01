/*
 * Orbax checkpoints, as versions 0.4 to 0.12 lay them out.
 *
 * Arrays are zarr arrays, of version 2 or 3, in a folder each or all in one
 * OCDBT database; their names are the tree's keys with '.' between them. What
 * the tree is stands in one of two indexes: older versions write "checkpoint",
 * a msgpack tree like T5X's own, later ones "_METADATA", a JSON list of keys.
 */
#ifndef SWITCHYARD_CHECKPOINT_ORBAX_H
#define SWITCHYARD_CHECKPOINT_ORBAX_H

#include <stdbool.h>

#include "checkpoint/checkpoint.h"

/*
 * Opens the checkpoint in folder of c's store that has no msgpack index, and
 * adds its parameters to c: what is below target or params, or all arrays where
 * the tree has neither.
 */
int orbax_open(struct checkpoint *c, const char *folder, const char *mark,
               struct error *err);

/*
 * The array's name in text, the leaf of a msgpack index that stands for an
 * array which is stored elsewhere; NULL if text is something else.
 */
const char *orbax_placeholder(const char *text);

/* Adds the array that Orbax calls param, and this program name. */
int orbax_add(struct checkpoint *c, const char *folder, const char *param,
              const char *name, struct error *err);

/*
 * Says that orbax_add() will be called for it, as store_soon() does; whether
 * the index says that it is of zarr 3.
 */
int orbax_soon(struct checkpoint *c, const char *folder, const char *param,
               bool zarr3, struct error *err);

/*
 * Makes the one whole number in the array param c's step, if it is that; no
 * error where there is no such array.
 */
int orbax_read_step(struct checkpoint *c, const char *folder, const char *param,
                    struct error *err);

/* Whether Orbax's own marks say that it has not finished writing folder. */
int orbax_unfinished(struct store *store, const char *folder, bool *yes,
                     struct error *err);

#endif
