/*
 * A checkpoint: the named arrays of a training run's parameters.
 *
 * Opening reads metadata only: the index, each array's own, and the tree of an
 * OCDBT database. Only the model's parameters (below target or params) are
 * kept; the optimizer's state is skipped.
 */
#ifndef SWITCHYARD_CHECKPOINT_CHECKPOINT_H
#define SWITCHYARD_CHECKPOINT_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "checkpoint/array.h"
#include "store/store.h"

struct checkpoint {
    struct store *store;    /* owned; arrays read through it */
    struct store *database; /* owned: Orbax's, in store; or NULL */
    bool database_sought;   /* it is known whether there is one */
    char *path;             /* as opened, for messages: "DIR/checkpoint_1000" */
    char *index;            /* the object in store that tells what there is */
    const char *format;     /* static: "t5x", "orbax", "orbax-ocdbt" */
    unsigned version;       /* the index's version */
    int64_t step;           /* -1 if not known */
    struct array **arrays;  /* sorted by name, unique */
    size_t count;
    char **warnings; /* what a user should know and may ignore */
    size_t warning_count;
};

/*
 * Opens what path names: a checkpoint folder, the file in it that makes it one
 * ("checkpoint", "_METADATA", "manifest.ocdbt"), or a
 * model_dir (its latest finished step). *out is the caller's.
 */
int checkpoint_open_path(const char *path, struct checkpoint **out,
                         struct error *err);

/*
 * The same in a store: path is the folder or object inside it ("" for its
 * root). Takes the store over, also on failure.
 */
int checkpoint_open_steal(struct store *store, const char *path,
                          struct checkpoint **out, struct error *err);

/* The array of that name, or NULL; borrowed. */
const struct array *checkpoint_find(const struct checkpoint *c,
                                    const char *name);

void checkpoint_free(struct checkpoint *c);

#endif
