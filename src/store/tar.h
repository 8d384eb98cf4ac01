/*
 * A tar archive of the files of one folder, as bytes at any position.
 *
 * Its size is known before a byte is read, and the same files always give the
 * same bytes: no times, no owners, mode 0644.
 */
#ifndef SWITCHYARD_STORE_TAR_H
#define SWITCHYARD_STORE_TAR_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/* Appends the header of a file: 512 bytes, more from 8 GiB on. */
int tar_write_header(const char *name, uint64_t size, struct buf *out,
                     struct error *err);

struct tar;

/*
 * The caller frees *out. It belongs to one thread at a time. folder may be
 * NULL where every file is added by its descriptor.
 */
int tar_open(const char *folder, struct tar **out, struct error *err);
void tar_free(struct tar *t);

/*
 * The same for files that are made as they are read: read fills dst with bytes
 * [offset, offset + len) of the member of that number, the first being 0.
 */
typedef int (*tar_read_fn)(void *ctx, size_t member, uint64_t offset, void *dst,
                           size_t len, struct error *err);
int tar_open_made(tar_read_fn read, void *ctx, struct tar **out,
                  struct error *err);

/* Adds a file of the folder, of exactly size bytes, as the next member. */
int tar_add(struct tar *t, const char *name, uint64_t size, struct error *err);

/* The same with a file that is open already; takes fd, also on failure. */
int tar_add_steal(struct tar *t, const char *name, uint64_t size, int fd,
                  struct error *err);

/* Bytes of the archive with all that was added. */
uint64_t tar_size(const struct tar *t);

/*
 * Bytes from position at, which is before the end: at least one, at most len;
 * *got says how many.
 */
int tar_read(struct tar *t, uint64_t at, void *dst, size_t len, size_t *got,
             struct error *err);

#endif
