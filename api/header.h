/*
 * Header values: a token with parameters, as in Content-Type and
 * Content-Disposition (RFC 9110, 5.6).
 */
#ifndef SWITCHYARD_API_HEADER_H
#define SWITCHYARD_API_HEADER_H

#include <stdbool.h>
#include <stddef.h>

enum { HEADER_PARAM_MAX = 8, HEADER_VALUE_MAX = 4096 };

struct header_param {
    const char *name; /* lower case */
    const char *value;
};

/* token is in lower case; all text points into text. */
struct header_value {
    char text[HEADER_VALUE_MAX];
    const char *token; /* "multipart/form-data" */
    struct header_param params[HEADER_PARAM_MAX];
    size_t count;
};

/*
 * Parses len bytes; false, with *out undefined, unless they follow the grammar:
 * each parameter once, no control characters, at most HEADER_PARAM_MAX of them.
 * In a quoted value \" and \\ stand for " and \; any other backslash is itself,
 * since browsers send file names that way.
 */
bool header_parse(const char *value, size_t len, struct header_value *out);

/* The value of a parameter, or NULL. */
const char *header_param(const struct header_value *v, const char *name);

#endif
