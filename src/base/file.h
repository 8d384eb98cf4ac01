/*
 * Whole small files of the local file system.
 */
#ifndef SWITCHYARD_BASE_FILE_H
#define SWITCHYARD_BASE_FILE_H

#include "base/buf.h"

/*
 * Appends the file at path to b. ERR_NOT_FOUND or ERR_READ where it cannot be
 * read, ERR_LIMIT where it does not fit; all name the path.
 */
int file_read(const char *path, struct buf *b, struct error *err);

/*
 * Makes path a file of these bytes, durably and in one step: what was there
 * before stays as it was on failure (ERR_WRITE, ERR_SPACE).
 */
int file_replace(const char *path, const void *data, size_t len,
                 struct error *err);

#endif
