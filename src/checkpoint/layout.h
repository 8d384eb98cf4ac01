/*
 * What the readers of each layout share: a checkpoint while it is opened.
 */
#ifndef SWITCHYARD_CHECKPOINT_LAYOUT_H
#define SWITCHYARD_CHECKPOINT_LAYOUT_H

#include "checkpoint/checkpoint.h"

/* Adds an array, which the checkpoint then owns, also on failure. */
int layout_add(struct checkpoint *c, struct array *steal, struct error *err);

/* Adds a warning. */
int layout_warn(struct checkpoint *c, struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether there is an object of that name in folder. */
int layout_exists(struct store *s, const char *folder, const char *name,
                  bool *yes, struct error *err);

/* "folder/name", or "name" where folder is ""; ERR_PATH if it is too long. */
int layout_join(char path[static STORE_NAME_MAX + 1], const char *folder,
                const char *name, struct error *err);

#endif
