/*
 * Paths of requests against the templates of routes.
 */
#ifndef SWITCHYARD_API_PATH_H
#define SWITCHYARD_API_PATH_H

#include <stdbool.h>
#include <stddef.h>

enum { PATH_MAX_BYTES = 4096, PATH_PARAMS = 3 };

/* What stood for the {names} of a template, decoded. */
struct path_params {
    char text[PATH_MAX_BYTES + PATH_PARAMS]; /* the values, each with its NUL */
    size_t used;
    size_t count;
    struct {
        const char *name; /* in the template, with '}' behind it */
        size_t value;     /* where in text */
    } items[PATH_PARAMS];
};

/*
 * Whether a path as it was sent, without its query, is that of a template:
 * "/v1/uploads/{id}/files/{path...}". A {name} stands for one component that
 * is not empty, a {name...} at the end for one or more. Components are
 * percent-decoded one by one; an encoding that is not valid, a zero byte and,
 * but for {name...}, an encoded '/' match nothing.
 */
bool path_match(const char *template, const char *path,
                struct path_params *out);

/* A parameter's value, NULL if the template has none of that name. */
const char *path_param(const struct path_params *p, const char *name);

#endif
