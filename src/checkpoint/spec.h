/*
 * Tensorstore specs, as a t5x index holds them in place of large arrays.
 */
#ifndef SWITCHYARD_CHECKPOINT_SPEC_H
#define SWITCHYARD_CHECKPOINT_SPEC_H

#include "checkpoint/msgpack.h"
#include "checkpoint/zarr2.h"

struct spec {
    char path[STORE_NAME_MAX + 1]; /* one component, without a slash */
    struct zarr2_meta meta;        /* dtype is DTYPE_NONE if it says none */
};

/*
 * Reads the map that m's item begins and moves behind it. name is the array's,
 * for errors: ERR_PATH for a path that leads elsewhere.
 */
int spec_read(struct msgpack *m, const struct msgpack_item *item,
              const char *name, struct spec *out, struct error *err);

#endif
