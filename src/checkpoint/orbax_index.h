/*
 * The leaves of an Orbax checkpoint's tree, by the index that lists them.
 */
#ifndef SWITCHYARD_CHECKPOINT_ORBAX_INDEX_H
#define SWITCHYARD_CHECKPOINT_ORBAX_INDEX_H

#include <stdbool.h>
#include <stddef.h>

#include "store/store.h"

/* An array: "target/encoder/scale", which is stored as "target.encoder.scale".
 */
struct orbax_leaf {
    char *path;
    char *param;
};

struct orbax_index {
    struct orbax_leaf *leaves;
    size_t count;
    size_t cap;
    bool zarr3; /* what the index says of them; only a hint */
};

/*
 * Reads the text of a _METADATA file, which is called name in errors: ERR_INDEX
 * where it is not valid. Leaves that are no arrays (None, empty containers,
 * texts) are left out. The caller frees *out with orbax_index_done().
 */
int orbax_index_read(const void *text, size_t len, const char *name,
                     struct orbax_index *out, struct error *err);

/*
 * Where the index is lost: the arrays in the folders of store, the tree as
 * far as it shows in their names.
 */
int orbax_index_guess(struct store *store, struct orbax_index *out,
                      struct error *err);

void orbax_index_done(struct orbax_index *x);

/*
 * What all paths of parameters begin with, into root, and its length: up to and
 * including the '/' behind target or params; "" where there is neither.
 */
size_t orbax_index_root(const struct orbax_index *x, char *root, size_t size);

/* The leaf at path, or NULL. */
const struct orbax_leaf *orbax_index_find(const struct orbax_index *x,
                                          const char *path);

#endif
