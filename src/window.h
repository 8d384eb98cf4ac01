/*
 * Reading a whole array in C order, a window of it at a time.
 *
 * A window is one run of the array's elements: some indexes are fixed, one
 * counts through a range, and those behind it are whole. Chunks are decoded
 * once where a window has room for a row of them; where it has not, once for
 * each window that they reach into.
 */
#ifndef SWITCHYARD_WINDOW_H
#define SWITCHYARD_WINDOW_H

#include "checkpoint/array.h"

struct window {
    const struct array *array; /* borrowed */
    unsigned dim;              /* the index that counts through a range */
    uint64_t rows;             /* how far at most */
    uint64_t from[ARRAY_MAX_RANK];
    uint64_t to[ARRAY_MAX_RANK];
    bool done; /* there are no more */
};

/* The first window, of at most room bytes (16 or more). */
void window_first(struct window *w, const struct array *a, uint64_t room);
void window_next(struct window *w);

/* Bytes of the window at hand. */
size_t window_bytes(const struct window *w);

/*
 * Reads it into dst, in native byte order. Adds to *missing the absent chunks
 * that begin in it.
 */
int window_read(const struct window *w, enum array_missing how,
                struct scratch *s, unsigned char *dst, uint64_t *missing,
                struct error *err);

#endif
