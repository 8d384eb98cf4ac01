/*
 * Gin files: parsed as gin-config parses them, evaluated no further than
 * macros. Nothing in a gin file is ever executed, imported or opened.
 *
 * A struct gin never changes once it is parsed, so threads may share it.
 */
#ifndef SWITCHYARD_MODEL_GIN_H
#define SWITCHYARD_MODEL_GIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

/* GIN_MAX_DEPTH bounds nested brackets and chains of macros alike. */
enum { GIN_MAX_BYTES = 1 << 20, GIN_MAX_DEPTH = 64 };

enum gin_kind {
    GIN_NONE,
    GIN_BOOL,
    GIN_INT,
    GIN_FLOAT, /* also integers that 64 bits do not hold */
    GIN_STRING,
    GIN_LIST,
    GIN_TUPLE,
    GIN_DICT,      /* items: key, value, key, value, ...; no key twice */
    GIN_MACRO,     /* %scope/NAME, in text */
    GIN_REFERENCE, /* @scope/name or, with called set, @scope/name() */
};

struct gin_value {
    enum gin_kind kind;
    bool boolean; /* GIN_BOOL's value */
    bool called;  /* GIN_REFERENCE with () */
    bool bytes;   /* GIN_STRING written as b'...': text need not be UTF-8 */
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
 * The last binding of a macro, which name gives as it stands after the '%'.
 * "a/b" that is not bound falls back to "a", as in gin. NULL if there is none;
 * borrowed.
 */
const struct gin_binding *gin_find_macro(const struct gin *g, const char *name);

/*
 * The binding of a parameter that counts. Selectors match by whole components
 * from the right, the shorter one deciding: "MlpBlock" finds
 * "flaxformer.components.dense.MlpBlock", and the other way round.
 *
 * Without a scope ("dense.MlpBlock"): the last binding that has no scope, else
 * the last one in any scope. With one ("a/b/dense.MlpBlock"): the last binding
 * in a/b, else in a, else without scope. NULL if there is none; borrowed.
 */
const struct gin_binding *gin_find(const struct gin *g, const char *selector,
                                   const char *parameter);

/*
 * Follows macros to a value; NULL where one is not bound, as a constant (such
 * as an enum's member) never is. ERR_GIN if they form a cycle or a chain of
 * more than GIN_MAX_DEPTH. *out is borrowed. Macros inside of containers stay.
 */
int gin_resolve(const struct gin *g, const struct gin_value *value,
                const struct gin_value **out, struct error *err);

/* Appends the value as it would stand in a gin file. */
void gin_value_print(const struct gin_value *value, struct buf *out);

/*
 * Writes the value with its macros resolved. Tuples become arrays, references
 * "@name()" and macros that are not bound "%name"; keys that are not strings
 * become their gin text, and so does what is nested deeper than JSON_MAX_DEPTH.
 * Each byte of b'...' becomes the character of that number.
 */
void gin_value_json(struct json_writer *w, const struct gin *g,
                    const struct gin_value *value);

#endif
