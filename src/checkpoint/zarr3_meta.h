/*
 * What zarr.json says of an array.
 */
#ifndef SWITCHYARD_CHECKPOINT_ZARR3_META_H
#define SWITCHYARD_CHECKPOINT_ZARR3_META_H

#include <jansson.h>

#include "checkpoint/fill.h"
#include "checkpoint/shard.h"

struct zarr3_meta {
    enum dtype dtype;
    unsigned rank;
    uint64_t shape[ARRAY_MAX_RANK];
    uint64_t object[ARRAY_MAX_RANK]; /* the shape of what an object holds */
    uint64_t chunk[ARRAY_MAX_RANK];  /* the innermost chunk's */
    bool prefixed;                   /* keys begin with "c" */
    char separator;
    unsigned char fill[FILL_MAX_BYTES]; /* one element, native order */
    unsigned levels;                    /* of shards, 0 without any */
    struct shard_level level[SHARD_MAX_LEVELS];
    struct chain codecs; /* of the innermost chunk */
};

/* Into the chunk, levels, level and codecs members; the rest is there. */
int zarr3_read_codecs(const json_t *json, const char *array,
                      struct zarr3_meta *m, struct error *err);

/* All of it. name is the array's, for errors. */
int zarr3_parse(const json_t *json, const char *name, struct zarr3_meta *out,
                struct error *err);

#endif
