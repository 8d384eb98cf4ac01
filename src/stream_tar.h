/*
 * A stream's files as one tar archive, the configuration first: what a reader
 * wants to know first.
 */
#ifndef SWITCHYARD_STREAM_TAR_H
#define SWITCHYARD_STREAM_TAR_H

#include "store/tar.h"
#include "stream.h"

struct stream_tar;

/*
 * Both are borrowed, the plan being the stream's. It belongs to one thread at a
 * time, and expects to be read in order; other orders give the same bytes.
 */
int stream_tar_open(struct stream *s, const struct plan *p,
                    struct stream_tar **out, struct error *err);
void stream_tar_free(struct stream_tar *t); /* NULL is fine */

/* As tar_size() and tar_read(). */
uint64_t stream_tar_size(const struct stream_tar *t);
int stream_tar_read(struct stream_tar *t, uint64_t at, void *dst, size_t len,
                    size_t *got, struct error *err);

#endif
