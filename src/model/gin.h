/*
 * Gin files: parsed as gin-config parses them, evaluated no further than
 * macros. Nothing in a gin file is ever executed or imported; what it includes
 * is read from the places that the caller names, and from nowhere else.
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
#include "store/store.h"

/* GIN_MAX_DEPTH bounds nested brackets and chains of macros alike. */
enum { GIN_MAX_BYTES = 1 << 20, GIN_MAX_DEPTH = 64 };

/* Of a file with all that it includes: how often, bytes, and how deep. */
enum {
    GIN_MAX_FILES = 256,
    GIN_MAX_TOTAL = 4 << 20,
    GIN_MAX_INCLUDES = 16,
    GIN_MAX_IMPORTS = 256, /* of one file */
};

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
    char *complete;  /* the selector with what the file's imports say stands
                        before it: "flaxformer.components.dense.MlpBlock";
                        without such an import the selector itself */
    struct gin_value value;
    const char *file; /* where it stands, as errors call it */
    unsigned line;
    size_t configurable; /* equal for selectors that mean the same */
    bool dynamic;        /* complete says all: the file registers what it
                            imports (gin's dynamic_registration) */
    bool ambiguous;      /* counts, as does another one that is spelled alike */
};

/* Where an included file was found. */
enum gin_origin {
    GIN_MISSING, /* nowhere: what it binds is not known */
    GIN_READ,    /* in a place that the caller named */
    GIN_KNOWN,   /* in the program's own table, see gin_known.h */
};

struct gin_include {
    char *name; /* as the include says it */
    const char *file;
    unsigned line;
    enum gin_origin origin;
};

/* A module that is imported, which is noted and no more. */
struct gin_import {
    char *module; /* "flaxformer.components.dense" */
    char *name;   /* what stands for it in selectors: "dense" */
    bool plain;   /* "import a.b": name is a, and stands for itself */
    const char *file;
};

struct gin;

/*
 * Parses len bytes. name is how errors call the file ("model.gin"); they name
 * the line as well. Includes are noted and count as missing. The caller frees
 * *out.
 */
int gin_parse(const void *text, size_t len, const char *name, struct gin **out,
              struct error *err);
void gin_free(struct gin *g);

/* A folder of a store; "" is its root. */
struct gin_place {
    struct store *store;
    const char *folder;
};

/* All is borrowed for the call. */
struct gin_search {
    struct gin_place beside; /* the file's own folder; store NULL: none */
    const struct gin_place *places;
    size_t count;
};

/*
 * gin_parse(), with every include read where it stands: beside the file that
 * names it, else in the places in their order, else from the program's own
 * table. A name may not leave a place: "../x" works within one only. ERR_GIN
 * where files include each other in a circle or exceed the limits above.
 */
int gin_load(const void *text, size_t len, const char *name,
             const struct gin_search *search, struct gin **out,
             struct error *err);

const char *gin_name(const struct gin *g);

/* Everything bound, in the order it is read; borrowed. */
const struct gin_binding *gin_bindings(const struct gin *g, size_t *count);

/*
 * The bindings that count: of each macro and each parameter in each scope the
 * last one, in the order of the first ones; borrowed.
 */
const struct gin_binding *const *gin_effective(const struct gin *g,
                                               size_t *count);

/* In the order they are read; borrowed. */
const struct gin_include *gin_includes(const struct gin *g, size_t *count);
const struct gin_import *gin_imports(const struct gin *g, size_t *count);

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
 * as an enum's member, or gin.REQUIRED) never is. ERR_GIN if they form a cycle
 * or a chain of more than GIN_MAX_DEPTH. *out is borrowed. Macros inside of
 * containers stay.
 */
int gin_resolve(const struct gin *g, const struct gin_value *value,
                const struct gin_value **out, struct error *err);

/*
 * The same for a binding: *at is the binding in which the value itself stands,
 * which may be that of a macro. *out may be NULL, *at is not.
 */
int gin_resolve_binding(const struct gin *g, const struct gin_binding *b,
                        const struct gin_value **out,
                        const struct gin_binding **at, struct error *err);

/* Appends "scope/selector.parameter", or "scope/NAME" for a macro. */
void gin_binding_print(const struct gin_binding *b, struct buf *out);

/* Appends the value as it would stand in a gin file. */
void gin_value_print(const struct gin_value *value, struct buf *out);

/*
 * Writes the value with its macros resolved. Tuples become arrays, references
 * "@name()" and a macro that is not bound, or leads back to itself, "%name";
 * keys that are not strings become their gin text, and so does what is nested
 * deeper than JSON_MAX_DEPTH. Each byte of b'...' becomes the character of that
 * number.
 */
void gin_value_json(struct json_writer *w, const struct gin *g,
                    const struct gin_value *value);

#endif
