/*
 * Gin files: parsed as gin-config parses them, evaluated no further than
 * macros. Nothing in a gin file is ever executed.
 */
#ifndef SWITCHYARD_MODEL_GIN_H
#define SWITCHYARD_MODEL_GIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { GIN_MAX_BYTES = 4 << 20, GIN_MAX_DEPTH = 64 };

enum gin_kind {
    GIN_NONE,
    GIN_BOOL,
    GIN_INT,
    GIN_FLOAT,
    GIN_STRING,
    GIN_LIST,
    GIN_TUPLE,
    GIN_DICT,      /* items: key, value, key, value, ... */
    GIN_MACRO,     /* %scope/NAME, in text */
    GIN_REFERENCE, /* @scope/name or, with called set, @scope/name() */
};

struct gin_value {
    enum gin_kind kind;
    bool boolean; /* GIN_BOOL's value */
    bool called;  /* GIN_REFERENCE with () */
    int64_t integer;
    double number;
    char *text; /* GIN_STRING, GIN_MACRO, GIN_REFERENCE */
    struct gin_value *items;
    size_t count;
};

/* One "scope/selector.parameter = value"; a macro has parameter NULL. */
struct gin_binding {
    char *scope;     /* "" if there is none */
    char *selector;  /* "dense.MlpBlock", or the macro's name */
    char *parameter; /* "activations" */
    struct gin_value value;
    unsigned line;
};

struct gin;

/*
 * Parses len bytes. name is how errors call the file ("model.gin"); they name
 * the line as well. The caller frees *out.
 */
int gin_parse(const void *text, size_t len, const char *name, struct gin **out,
              struct error *err);
void gin_free(struct gin *g);

const char *gin_name(const struct gin *g);

/* Everything bound, in the file's order; borrowed. */
const struct gin_binding *gin_bindings(const struct gin *g, size_t *count);

/* Files that "include" names and that are not at hand; borrowed. */
const char *const *gin_includes(const struct gin *g, size_t *count);

/*
 * The last binding of a macro, or of a parameter whose selector ends in
 * selector's components ("MlpBlock" finds
 * "flaxformer.components.dense.MlpBlock"). NULL if there is none; borrowed.
 */
const struct gin_binding *gin_find_macro(const struct gin *g, const char *name);
const struct gin_binding *gin_find(const struct gin *g, const char *selector,
                                   const char *parameter);

/*
 * Follows macros to a value; NULL where one is not bound. ERR_GIN if they
 * form a cycle. *out is borrowed.
 */
int gin_resolve(const struct gin *g, const struct gin_value *value,
                const struct gin_value **out, struct error *err);

#endif
