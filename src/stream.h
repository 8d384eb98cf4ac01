/*
 * A plan as bytes: any range of any of its files, made when it is asked for of
 * those chunks only that it needs.
 *
 * The bytes are those that convert_run() writes. Decoded chunks are kept within
 * a budget, so what is read in order decodes a chunk once, or about twice where
 * the chunks of a tensor are more than the budget holds; a temporary file
 * then stands in for memory, if there is room for one.
 */
#ifndef SWITCHYARD_STREAM_H
#define SWITCHYARD_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "plan.h"

struct stream;

/* As in struct convert_options. */
struct stream_options {
    unsigned threads; /* 0: one for each CPU this process may use */
    uint64_t memory;  /* 0: 512 MiB */
    bool allow_missing_chunks;
};

/* What was met so far; what is read again counts again. */
struct stream_counts {
    uint64_t overflowed;     /* finite values that became infinite by a cast */
    uint64_t missing_chunks; /* absent chunks read as their fill value */
};

/*
 * The plan is borrowed. Nothing is read yet. ERR_LIMIT where a chunk is far
 * larger than the budget, as convert_run() has it.
 */
int stream_open(const struct plan *p, const struct stream_options *o,
                struct stream **out, struct error *err);

/* No call is in progress. NULL is fine. */
void stream_free(struct stream *s);

/*
 * Bytes [offset, offset + len), which lie inside file number file of the plan.
 * Safe from several threads at once.
 */
int stream_read(struct stream *s, size_t file, uint64_t offset, void *dst,
                size_t len, struct error *err);

/*
 * Says that these bytes of a file are about to be read in order: the stream's
 * threads decode ahead of them. The last call counts. It is a hint.
 */
void stream_expect(struct stream *s, size_t file, uint64_t offset,
                   uint64_t len);

struct stream_counts stream_counts(const struct stream *s);

#endif
