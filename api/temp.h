/*
 * Temporary folders below the data folder.
 *
 * They live in DATA/tmp, in a folder of this process that it holds a lock on.
 * What a process that died left there has no lock any more and is removed when
 * the next one starts, so several may share a data folder.
 */
#ifndef SWITCHYARD_API_TEMP_H
#define SWITCHYARD_API_TEMP_H

#include <stdint.h>

#include "base/error.h"

struct temp;

/* Makes the data folder if needed, and cleans up. The caller closes *out. */
int temp_open(const char *data, struct temp **out, struct error *err);

/* Removes everything of this process. */
void temp_close(struct temp *w);

/* Makes an empty folder; *path is the caller's. Thread safe. */
int temp_make(struct temp *w, char **path, struct error *err);

/* Removes a file or folder with all that is in it, if it is there. */
void temp_remove(const char *path);

/*
 * ERR_SPACE unless want bytes can be written and reserve bytes stay free,
 * ERR_WRITE if nothing can be written at all.
 */
int temp_check(const struct temp *w, uint64_t want, uint64_t reserve,
               struct error *err);

#endif
