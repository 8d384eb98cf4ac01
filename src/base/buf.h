/*
 * A growing byte buffer that carries its limit from birth.
 *
 * Appends are sticky: the first failure (limit or memory) is remembered, later
 * appends do nothing, and buf_status() reports it; so a writer checks once, at
 * its end. A buffer belongs to one thread.
 */
#ifndef SWITCHYARD_BASE_BUF_H
#define SWITCHYARD_BASE_BUF_H

#include <stddef.h>

#include "base/error.h"

/* len <= cap <= max; data is NULL while cap is 0. */
struct buf {
    unsigned char *data;
    size_t len;
    size_t cap;
    size_t max; /* bytes; an append beyond it fails with ERR_LIMIT */
    enum error_code failed;
};

#define BUF_INIT(limit) ((struct buf){ .max = (limit) })

/* Frees the contents; the buffer is then as BUF_INIT(max) left it. */
void buf_done(struct buf *b);

/* Empties it and keeps the memory for the next use. */
void buf_clear(struct buf *b);

void buf_append(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *text);
void buf_putc(struct buf *b, int byte);
void buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Makes len the length, growing as needed; new bytes are not defined. */
int buf_resize(struct buf *b, size_t len, struct error *err);

/* 0, or the first failure since the last clear, described in err. */
int buf_status(const struct buf *b, struct error *err);

/* The contents as a string; NULL if an append failed. Stays b's. */
const char *buf_str(struct buf *b);

/* Hands the contents over as a malloc'ed string; NULL if an append failed. */
char *buf_take_str(struct buf *b);

#endif
