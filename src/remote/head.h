/*
 * Header lines of replies, as a server sent them.
 */
#ifndef SWITCHYARD_REMOTE_HEAD_H
#define SWITCHYARD_REMOTE_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The value of a header in lines of len bytes ("Name: value\r\n" each), blanks
 * around it removed, into out; false, and "", if it is not there, is there
 * twice with two values, holds a NUL, or does not fit.
 */
bool head_find(const void *lines, size_t len, const char *name, char *out,
               size_t size);

/* "12345", and nothing else. */
bool head_length(const char *text, uint64_t *out);

/* "bytes 0-99/1234" or with '*' for the size; last is inclusive. */
bool head_content_range(const char *text, uint64_t *first, uint64_t *last,
                        bool *has_size, uint64_t *size);

/* Retry-After's seconds, or the time until its date (now: seconds since 1970).
   Never more than a day. */
bool head_retry_after(const char *text, int64_t now, uint64_t *seconds);

#endif
