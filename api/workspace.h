/*
 * The workspace: temporary folders below the data folder.
 *
 * They live in DATA/tmp, in a folder of this process that it holds a lock on.
 * What a process that died left there has no lock any more and is removed when
 * the next one starts, so several may share a data folder.
 */
#ifndef SWITCHYARD_API_WORKSPACE_H
#define SWITCHYARD_API_WORKSPACE_H

#include <stdint.h>

#include "base/error.h"

struct workspace;

/* Makes the data folder if needed, and cleans up. The caller closes *out. */
int workspace_open(const char *data, struct workspace **out, struct error *err);

/* Removes everything of this process. */
void workspace_close(struct workspace *w);

/* Makes an empty folder; *path is the caller's. Thread safe. */
int workspace_make(struct workspace *w, char **path, struct error *err);

/* Removes a file or folder with all that is in it, if it is there. */
void workspace_remove(const char *path);

/*
 * ERR_SPACE unless want bytes can be written and reserve bytes stay free,
 * ERR_WRITE if nothing can be written at all.
 */
int workspace_check(const struct workspace *w, uint64_t want, uint64_t reserve,
                    struct error *err);

#endif
