/*
 * Extension points of zarr.json: {"name": ..., "configuration": {...}}.
 */
#ifndef SWITCHYARD_CHECKPOINT_ZARR3_NAMED_H
#define SWITCHYARD_CHECKPOINT_ZARR3_NAMED_H

#include <jansson.h>

#include "base/error.h"

/* One of them, borrowed from the JSON that it was read of. */
struct zarr3_named {
    const char *name;
    const json_t *config; /* NULL where there is none */
};

/* array is the array's name, what the extension point's: "codec". */
int zarr3_named_read(const json_t *json, const char *array, const char *what,
                     struct zarr3_named *out, struct error *err);

/* ERR_FORMAT unless all members of json are known, a list that "" ends. */
int zarr3_members(const char *array, const char *what, const json_t *json,
                  const char *const *known, struct error *err);

/* ERR_FORMAT: a WHAT of that name is not known; known are those that are. */
int zarr3_unknown(const char *array, const char *what, const char *name,
                  const char *known, struct error *err);

#endif
