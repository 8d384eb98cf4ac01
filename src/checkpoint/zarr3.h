/*
 * Zarr 3 arrays: a folder with zarr.json and an object for each chunk, or for
 * each shard of many chunks.
 *
 * A sharded array reads as one of the innermost chunks: its chunk shape is
 * theirs, and reading one fetches no more than the shard's index, which a
 * scratch keeps for the next, and that chunk's bytes.
 */
#ifndef SWITCHYARD_CHECKPOINT_ZARR3_H
#define SWITCHYARD_CHECKPOINT_ZARR3_H

#include "checkpoint/array.h"
#include "store/store.h"

/*
 * The array called name in the folder ("" is the store's root), as *out.
 * *absent is set, with ERR_METADATA, where there is no zarr.json. Metadata that
 * cannot be read is ERR_METADATA, ERR_DTYPE or, where it is sound but asks for
 * something that is not known here, ERR_FORMAT. store is borrowed and must
 * outlive the array.
 *
 * Chunks that are not stored read as the fill value without an error: writers
 * leave out what is equal to it.
 */
int zarr3_open(struct store *store, const char *folder, const char *name,
               struct array **out, bool *absent, struct error *err);

#endif
