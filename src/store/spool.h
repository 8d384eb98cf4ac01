/*
 * A temporary file without a name: room for what memory has none for.
 */
#ifndef SWITCHYARD_STORE_SPOOL_H
#define SWITCHYARD_STORE_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct spool;

/*
 * In the folder that TMPDIR names, or /var/tmp, which is a disk where /tmp may
 * be memory. ERR_SPACE where there is no room for so many bytes.
 */
int spool_new(uint64_t bytes, struct spool **out, struct error *err);
void spool_free(struct spool *s);

/* Exactly len bytes at offset; several threads may, each its own bytes. */
int spool_write(struct spool *s, uint64_t offset, const void *data, size_t len,
                struct error *err);
int spool_read(struct spool *s, uint64_t offset, void *data, size_t len,
               struct error *err);

#endif
