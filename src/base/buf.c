/*
 * The bounded buffer: doubling growth up to a maximum.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST = 256 };

void buf_done(struct buf *b)
{
    free(b->data);
    *b = BUF_INIT(b->max);
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = ERR_OK;
}

static int buf_grow(struct buf *b, size_t want)
{
    size_t cap = b->cap ? b->cap : BUF_FIRST;
    unsigned char *data;

    if (want <= b->cap)
        return 0;
    if (want > b->max)
        return (int)(b->failed = ERR_LIMIT);
    while (cap < want)
        cap = cap > b->max / 2 ? b->max : cap * 2;
    if (cap > b->max)
        cap = b->max;
    data = realloc(b->data, cap);
    if (!data)
        return (int)(b->failed = ERR_MEMORY);
    b->data = data;
    b->cap = cap;
    return 0;
}

void buf_append(struct buf *b, const void *data, size_t len)
{
    if (b->failed || len == 0)
        return;
    if (len > b->max - b->len) {
        b->failed = ERR_LIMIT;
        return;
    }
    if (buf_grow(b, b->len + len))
        return;
    memcpy(b->data + b->len, data, len);
    b->len += len;
}

void buf_puts(struct buf *b, const char *text)
{
    buf_append(b, text, strlen(text));
}

void buf_putc(struct buf *b, int byte)
{
    unsigned char c = (unsigned char)byte;

    buf_append(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    char small[256];
    char *large;
    int n;

    va_start(args, fmt);
    n = vsnprintf(small, sizeof small, fmt, args);
    va_end(args);
    if (n < 0) {
        b->failed = ERR_INTERNAL;
        return;
    }
    if ((size_t)n < sizeof small) {
        buf_append(b, small, (size_t)n);
        return;
    }
    large = malloc((size_t)n + 1);
    if (!large) {
        b->failed = ERR_MEMORY;
        return;
    }
    va_start(args, fmt);
    vsnprintf(large, (size_t)n + 1, fmt, args);
    va_end(args);
    buf_append(b, large, (size_t)n);
    free(large);
}

int buf_status(const struct buf *b, struct error *err)
{
    switch (b->failed) {
    case ERR_OK:
        return 0;
    case ERR_LIMIT:
        error_set(err, ERR_LIMIT, "more than %zu bytes are needed", b->max);
        return error_expected(err, "at most %zu bytes", b->max);
    case ERR_MEMORY:
        return error_memory(err);
    default:
        return error_set(err, b->failed, "a buffer could not be written");
    }
}

int buf_resize(struct buf *b, size_t len, struct error *err)
{
    if (b->failed || buf_grow(b, len))
        return buf_status(b, err);
    b->len = len;
    return 0;
}

const char *buf_str(struct buf *b)
{
    if (b->failed || b->len == b->max || buf_grow(b, b->len + 1))
        return NULL;
    b->data[b->len] = '\0';
    return (const char *)b->data;
}

char *buf_take_str(struct buf *b)
{
    char *text = buf_str(b) ? (char *)b->data : NULL;

    if (text)
        b->data = NULL;
    buf_done(b);
    return text;
}
