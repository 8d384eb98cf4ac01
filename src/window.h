/*
 * Reading a whole array in C order, a window of it at a time.
 *
 * A window is one run of the array's elements: some indexes are fixed, one
 * counts through a range, and those behind it are whole. Chunks are decoded
 * once where a window has room for a row of them. Where it has not, a spool may
 * keep them, decoded; or they are decoded once for each window that they reach
 * into.
 */
#ifndef SWITCHYARD_WINDOW_H
#define SWITCHYARD_WINDOW_H

#include "checkpoint/array.h"
#include "store/spool.h"

struct window {
    const struct array *array; /* borrowed */
    unsigned dim;              /* the index that counts through a range */
    uint64_t rows;             /* how far at most */
    uint64_t from[ARRAY_MAX_RANK];
    uint64_t to[ARRAY_MAX_RANK];
    bool done;           /* there are no more */
    struct spool *spool; /* borrowed; NULL for none */
    uint64_t spooled;    /* which row of chunks it holds; UINT64_MAX: none */
};

/* The first window, of at most room bytes (16 or more). */
void window_first(struct window *w, const struct array *a, uint64_t room);
void window_next(struct window *w);

/* Bytes of the window at hand. */
size_t window_bytes(const struct window *w);

/* How often a chunk has to be decoded without a spool. */
uint64_t window_decodes(const struct window *w);

/* Bytes of a spool, for a row of chunks; UINT64_MAX if they are too many. */
uint64_t window_spool_bytes(const struct window *w);

/* To be called before the first read, where window_decodes() is above 1. */
void window_use_spool(struct window *w, struct spool *borrowed);

/*
 * Reads it into dst, in native byte order. Adds to *missing the absent chunks
 * that begin in it.
 */
int window_read(struct window *w, enum array_missing how, struct scratch *s,
                unsigned char *dst, uint64_t *missing, struct error *err);

#endif
