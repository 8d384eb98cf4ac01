/*
 * What the files of the gin parser share. Internal to them.
 */
#ifndef SWITCHYARD_MODEL_GIN_PARTS_H
#define SWITCHYARD_MODEL_GIN_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "model/gin.h"
#include "model/gin_lex.h"

/* Longest selector or macro's name with its scopes, in characters. */
enum { GIN_MAX_NAME = 1024 };

/* A borrowed piece of the file's text. */
struct gin_slice {
    const char *start;
    size_t len;
};

struct gin {
    char *name;
    char **files; /* their names, which bindings and others borrow */
    size_t file_count;
    size_t file_capacity;
    struct gin_binding *bindings;
    size_t count;
    size_t capacity;
    struct gin_include *includes;
    size_t include_count;
    size_t include_capacity;
    struct gin_import *imports;
    size_t import_count;
    size_t import_capacity;
    const struct gin_binding **macros; /* by scope, selector and place */
    size_t macro_count;
    const struct gin_binding **effective;
    size_t effective_count;
};

/* A file that is being read, and the one that includes it. */
struct gin_source {
    const struct gin_source *parent;
    const char *file;    /* its name in struct gin */
    struct store *store; /* where it lies; NULL: in no store */
    const char *path;    /* in the store */
    unsigned depth;      /* 0 for the first one */
};

/* What all files of one gin_load() share. */
struct gin_loader {
    const struct gin_search *search; /* NULL: includes are not looked for */
    size_t bytes;
    size_t files;
};

/* The parser's state: token is the one it looks at. */
struct gin_parser {
    struct gin_lexer lex;
    struct gin_token token;
    struct gin *gin;
    struct gin_loader *loader;
    const struct gin_source *source;
    size_t imports[GIN_MAX_IMPORTS]; /* the file's, by their place in gin */
    size_t import_count;
    bool dynamic;   /* the file registers what it imports */
    unsigned depth; /* of brackets around the value */
};

/* To the next token; _skip also over line ends within brackets. */
int gin_advance(struct gin_parser *p, struct error *err);
int gin_advance_skip(struct gin_parser *p, struct error *err);

bool gin_at_op(const struct gin_parser *p, char op);
bool gin_at_name(const struct gin_parser *p, const char *name);

/* ERR_GIN for the token at hand. */
int gin_unexpected(const struct gin_parser *p, const char *expected,
                   const char *hint, struct error *err);

/*
 * Names with '.' or '/' between them, without blanks. scopes tells whether '/'
 * is allowed, dotted whether what stands before a '/' may contain dots.
 */
int gin_parse_selector(struct gin_parser *p, bool scopes, bool dotted,
                       struct gin_slice *out, struct error *err);

/* Any value. On failure as well, out can be freed by gin_value_done(). */
int gin_parse_value(struct gin_parser *p, struct gin_value *out,
                    struct error *err);

/* Adjacent strings, the first of which is the token at hand. */
int gin_parse_strings(struct gin_parser *p, struct gin_value *out,
                      struct error *err);

/* Reads all statements of a prepared text into g. */
int gin_parse_text(struct gin *g, struct gin_loader *loader,
                   const struct gin_source *source, const char *text,
                   size_t len, struct error *err);

/*
 * Adds a binding and takes value's contents, on success only. parameter is
 * empty for a macro.
 */
int gin_add_binding(struct gin_parser *p, struct gin_slice scope,
                    struct gin_slice selector, struct gin_slice parameter,
                    struct gin_value *value, unsigned line, struct error *err);

/* Notes the file that "include" names in line, and reads it if it is there. */
int gin_include(struct gin_parser *p, const char *name, unsigned line,
                struct error *err);

/* Keeps a file's name in g; NULL without memory. */
const char *gin_keep_file(struct gin *g, const char *name);

/*
 * "import module [as alias]" or, with from, "from module import name [as
 * alias]"; slices that are not there are empty.
 */
int gin_add_import(struct gin_parser *p, struct gin_slice module,
                   struct gin_slice name, struct gin_slice alias, unsigned line,
                   struct error *err);

/* selector behind the module that its first name stands for; malloc'ed. */
int gin_complete(const struct gin_parser *p, struct gin_slice selector,
                 char **out, struct error *err);

/* Sorts what gin_find_macro() looks through, once all is read. */
int gin_sort_macros(struct gin *g, struct error *err);

/* Once all is read: which selectors mean the same, which bindings count. */
int gin_settle(struct gin *g, struct error *err);

/* Splits "a/b/c" at its last slash: "a/b" and "c", or "" and "c". */
void gin_split_scope(struct gin_slice whole, struct gin_slice *scope,
                     struct gin_slice *rest);

bool gin_slice_is(struct gin_slice slice, const char *text);

/* True for the selector that stands behind %NAME: NAME/macro.value. */
bool gin_is_macro_selector(struct gin_slice selector);

/* malloc'ed; NULL if there is no memory. */
char *gin_slice_copy(struct gin_slice slice);

/*
 * Makes room for one more item behind count of them; false if there is no
 * memory. *items and *capacity change together.
 */
bool gin_grow(void **items, size_t *capacity, size_t count, size_t size);

/* A number's token, negated if asked for, to GIN_INT or GIN_FLOAT. */
int gin_literal_number(const struct gin_lexer *lex,
                       const struct gin_token *token, bool negative,
                       struct gin_value *out, struct error *err);

/*
 * Appends the characters a string's token stands for. *bytes tells whether it
 * is b'...'.
 */
int gin_literal_string(const struct gin_lexer *lex,
                       const struct gin_token *token, struct buf *out,
                       bool *bytes, struct error *err);

/*
 * What macros lead to: a value, or the macro that nothing binds. A circle of
 * macros leads to value itself.
 */
const struct gin_value *gin_follow(const struct gin *g,
                                   const struct gin_value *value);

/* Frees what the value holds. */
void gin_value_done(struct gin_value *value);

/* Whether Python would take it as a dict's key. */
bool gin_value_hashable(const struct gin_value *value);

/*
 * Leaves each key of a dict once, in its first place with its last value, as
 * Python does.
 */
int gin_value_unique_keys(struct gin_value *dict, struct error *err);

#endif
