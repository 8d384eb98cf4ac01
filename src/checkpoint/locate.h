/*
 * Finding the checkpoint in a store, and what kind it is.
 */
#ifndef SWITCHYARD_CHECKPOINT_LOCATE_H
#define SWITCHYARD_CHECKPOINT_LOCATE_H

#include <stdbool.h>

#include "checkpoint/checkpoint.h"

/* A kind of checkpoint, known by an object that its folder holds. */
struct layout {
    const char *mark; /* "manifest.ocdbt", "state/checkpoint" */
    const char *what; /* "an Orbax checkpoint", where it cannot be read */
    const char *hint;
    /* Adds the arrays of the checkpoint in folder to c; NULL: refused. */
    int (*open)(struct checkpoint *c, const char *folder, const char *mark,
                struct error *err);
};

/*
 * From folder, the folder that holds a checkpoint: itself, its latest finished
 * step, or the only folder in it, a few levels down. found may be folder.
 * Unfinished steps that were passed over become warnings of c.
 */
int locate_checkpoint(struct checkpoint *c, const char *folder,
                      char found[static STORE_NAME_MAX + 1],
                      const struct layout **layout, struct error *err);

/* Whether a folder with a file of that name is a checkpoint. */
bool locate_is_mark(const char *name);

/* Opens what locate_checkpoint() found; refuses what cannot be read. */
int locate_open(struct checkpoint *c, const char *folder,
                const struct layout *layout, struct error *err);

/* Opens a single index file, whatever its name. */
int locate_open_index(struct checkpoint *c, const char *folder,
                      const char *object, struct error *err);

#endif
