/*
 * Byte ranges (RFC 9110, section 14).
 */
#ifndef SWITCHYARD_API_RANGES_H
#define SWITCHYARD_API_RANGES_H

#include <stddef.h>
#include <stdint.h>

enum { RANGES_MAX = 16 };

struct range {
    uint64_t from;
    uint64_t len; /* 1 or more */
};

enum ranges_result {
    RANGES_ALL,  /* the header does not count: the whole is to be sent */
    RANGES_SOME, /* these ranges */
    RANGES_NONE, /* none of them lies in the file: 416 */
};

/*
 * Reads a Range header, NULL where there is none, against a file of size
 * bytes. Ranges beyond the file are left out, in the order of the header. One
 * that is malformed, of another unit, or of more than RANGES_MAX ranges does
 * not count, as the standard allows.
 */
enum ranges_result ranges_parse(const char *header, uint64_t size,
                                struct range out[static RANGES_MAX],
                                size_t *count);

#endif
