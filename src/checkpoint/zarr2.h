/*
 * Zarr 2 arrays: a folder with .zarray and one file for each chunk.
 */
#ifndef SWITCHYARD_CHECKPOINT_ZARR2_H
#define SWITCHYARD_CHECKPOINT_ZARR2_H

#include <jansson.h>

#include "checkpoint/array.h"
#include "checkpoint/codec.h"
#include "checkpoint/fill.h"
#include "store/store.h"

/* What .zarray says. */
struct zarr2_meta {
    enum dtype dtype;
    bool big;     /* elements are stored big endian */
    bool fortran; /* the first index runs fastest inside a chunk */
    char separator;
    unsigned rank;
    uint64_t shape[ARRAY_MAX_RANK];
    uint64_t chunk[ARRAY_MAX_RANK];
    const struct codec *codec;
    bool has_fill;
    unsigned char fill[FILL_MAX_BYTES]; /* one element, native order */
};

/*
 * Reads a parsed .zarray. With spec set, json is the metadata of a tensorstore
 * spec, where everything but shape may be left out: chunks are then the whole
 * shape, and the type is dtype. name is the array's, for errors.
 */
int zarr2_parse(const json_t *json, const char *name, bool spec,
                enum dtype dtype, struct zarr2_meta *out, struct error *err);

/*
 * The array called name in the folder, as *out. claim, if not NULL, is what the
 * index says of it: its shape and dtype must agree with .zarray. Where .zarray
 * is not there, claim serves in its place and *absent is set; with none it is
 * ERR_METADATA. store is borrowed and must outlive the array.
 */
int zarr2_open(struct store *store, const char *folder, const char *name,
               const struct zarr2_meta *claim, struct array **out, bool *absent,
               struct error *err);

/* Says that zarr2_open() will be called for that folder, as store_soon(). */
bool zarr2_soon_meta(struct store *store, const char *folder);

#endif
