/*
 * Zarr arrays of either version, told apart by their metadata file.
 */
#ifndef SWITCHYARD_CHECKPOINT_ZARR_H
#define SWITCHYARD_CHECKPOINT_ZARR_H

#include "checkpoint/array.h"
#include "store/store.h"

/*
 * The array called name in the folder ("" is the store's root), by its .zarray
 * or else its zarr.json; ERR_METADATA with neither. store is borrowed and must
 * outlive the array.
 */
int zarr_open(struct store *store, const char *folder, const char *name,
              struct array **out, struct error *err);

/*
 * Says that zarr_open() will be called for that folder, as store_soon();
 * whether zarr.json will be asked for, too.
 */
void zarr_soon_meta(struct store *store, const char *folder, bool zarr3);

#endif
