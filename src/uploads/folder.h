/*
 * Folders and blobs on the disk.
 */
#ifndef SWITCHYARD_UPLOADS_FOLDER_H
#define SWITCHYARD_UPLOADS_FOLDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* ERR_SPACE where errnum says that the disk is full, else ERR_WRITE. */
int folder_fail(int errnum, struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Makes a folder below parent (AT_FDCWD: path is a whole path) and opens it. */
int folder_open(int parent, const char *path, int *fd, struct error *err);

/* Makes the folders that lead to name, below root. */
int folder_make_parents(int root, const char *name, struct error *err);

/* Removes a file or folder with all that is in it; fine where it is absent. */
int folder_remove(int parent, const char *name, struct error *err);

/* All of len bytes to offset; *done counts those written, also on failure. */
int folder_write(int fd, uint64_t offset, const void *data, size_t len,
                 size_t *done, struct error *err);

#endif
