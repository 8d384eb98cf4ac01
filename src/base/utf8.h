/*
 * UTF-8, one character at a time (RFC 3629): no long forms, no surrogates,
 * nothing beyond U+10FFFF.
 */
#ifndef SWITCHYARD_BASE_UTF8_H
#define SWITCHYARD_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * The bytes of the character at p, of which left > 0 may be read; 0 if they do
 * not begin with one. NUL is a character of one byte.
 */
size_t utf8_length(const void *p, size_t left);

/* The number of the character at p, which has len bytes. */
uint32_t utf8_point(const void *p, size_t len);

/* Appends a character; point is one that UTF-8 has. */
void utf8_put(struct buf *b, uint32_t point);

#endif
