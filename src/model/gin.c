/*
 * A parsed gin file and the questions a converter has about it.
 *
 * gin_load.c and gin_parse.c fill it; this file keeps what was bound, in the
 * order it is read, and answers for a parameter or a macro which binding
 * counts. That is gin's own logic with one thing left out: gin knows the
 * complete name of every function and so which bindings belong to one function.
 * Here a selector is compared with the one asked for, by components from the
 * right; gin_names.c does the same among the bindings.
 *
 * Macros are looked up often (every value may be one) and so are sorted;
 * parameters are asked for a few times and are searched from the end.
 */
#include "model/gin.h"

#include <stdlib.h>
#include <string.h>

#include "model/gin_parts.h"

bool gin_slice_is(struct gin_slice slice, const char *text)
{
    return strlen(text) == slice.len && !memcmp(slice.start, text, slice.len);
}

char *gin_slice_copy(struct gin_slice slice)
{
    char *copy = malloc(slice.len + 1);

    if (!copy)
        return NULL;
    if (slice.len > 0)
        memcpy(copy, slice.start, slice.len);
    copy[slice.len] = '\0';
    return copy;
}

void gin_split_scope(struct gin_slice whole, struct gin_slice *scope,
                     struct gin_slice *rest)
{
    size_t n = whole.len;

    while (n > 0 && whole.start[n - 1] != '/')
        n--;
    *scope = (struct gin_slice){ whole.start, n > 0 ? n - 1 : 0 };
    *rest = (struct gin_slice){ whole.start + n, whole.len - n };
}

bool gin_is_macro_selector(struct gin_slice selector)
{
    return gin_slice_is(selector, "macro") ||
           gin_slice_is(selector, "gin.macro");
}

bool gin_grow(void **items, size_t *capacity, size_t count, size_t size)
{
    size_t more = *capacity ? *capacity * 2 : 4;
    void *grown;

    if (count < *capacity)
        return true;
    grown = reallocarray(*items, more, size);
    if (!grown)
        return false;
    *items = grown;
    *capacity = more;
    return true;
}

static void binding_done(struct gin_binding *b)
{
    free(b->scope);
    free(b->selector);
    free(b->parameter);
    free(b->complete);
    gin_value_done(&b->value);
}

int gin_add_binding(struct gin_parser *p, struct gin_slice scope,
                    struct gin_slice selector, struct gin_slice parameter,
                    struct gin_value *value, unsigned line, struct error *err)
{
    struct gin *g = p->gin;
    struct gin_binding b = { .line = line,
                             .file = p->source->file,
                             .dynamic = p->dynamic };
    void *bindings = g->bindings;
    int rc;

    /* NAME/macro.value = ... is the long form of NAME = ... */
    if (scope.len > 0 && gin_is_macro_selector(selector) &&
        gin_slice_is(parameter, "value")) {
        gin_split_scope(scope, &scope, &selector);
        parameter.len = 0;
    }
    if (!gin_grow(&bindings, &g->capacity, g->count, sizeof b))
        return error_memory(err);
    g->bindings = bindings;
    b.scope = gin_slice_copy(scope);
    b.selector = gin_slice_copy(selector);
    if (parameter.len > 0)
        b.parameter = gin_slice_copy(parameter);
    if (!b.scope || !b.selector || (parameter.len > 0 && !b.parameter)) {
        binding_done(&b);
        return error_memory(err);
    }
    rc = gin_complete(p, selector, &b.complete, err);
    if (rc) {
        binding_done(&b);
        return rc;
    }
    b.value = *value;
    *value = (struct gin_value){ .kind = GIN_NONE };
    g->bindings[g->count++] = b;
    return 0;
}

static int compare_text(struct gin_slice slice, const char *text)
{
    size_t len = strlen(text);
    int order = memcmp(slice.start, text, slice.len < len ? slice.len : len);

    return order ? order : (slice.len > len) - (slice.len < len);
}

static int compare_macro(struct gin_slice scope, struct gin_slice selector,
                         const struct gin_binding *b)
{
    int order = compare_text(scope, b->scope);

    return order ? order : compare_text(selector, b->selector);
}

/* Bindings of the same macro stay in the file's order. */
static int compare_macros(const void *a, const void *b)
{
    const struct gin_binding *x = *(const struct gin_binding *const *)a;
    const struct gin_binding *y = *(const struct gin_binding *const *)b;
    const struct gin_slice scope = { x->scope, strlen(x->scope) };
    const struct gin_slice selector = { x->selector, strlen(x->selector) };
    int order = compare_macro(scope, selector, y);

    return order ? order : (x > y) - (x < y);
}

int gin_sort_macros(struct gin *g, struct error *err)
{
    g->macros = calloc(g->count ? g->count : 1, sizeof(*g->macros));
    if (!g->macros)
        return error_memory(err);
    for (size_t i = 0; i < g->count; i++)
        if (!g->bindings[i].parameter)
            g->macros[g->macro_count++] = &g->bindings[i];
    qsort(g->macros, g->macro_count, sizeof(*g->macros), compare_macros);
    return 0;
}

void gin_free(struct gin *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->count; i++)
        binding_done(&g->bindings[i]);
    for (size_t i = 0; i < g->include_count; i++)
        free(g->includes[i].name);
    for (size_t i = 0; i < g->import_count; i++) {
        free(g->imports[i].module);
        free(g->imports[i].name);
    }
    for (size_t i = 0; i < g->file_count; i++)
        free(g->files[i]);
    free(g->bindings);
    free(g->includes);
    free(g->imports);
    free(g->files);
    free(g->macros);
    free(g->effective);
    free(g->name);
    free(g);
}

const char *gin_name(const struct gin *g)
{
    return g->name;
}

const struct gin_binding *gin_bindings(const struct gin *g, size_t *count)
{
    *count = g->count;
    return g->bindings;
}

const struct gin_binding *const *gin_effective(const struct gin *g,
                                               size_t *count)
{
    *count = g->effective_count;
    return g->effective;
}

const struct gin_include *gin_includes(const struct gin *g, size_t *count)
{
    *count = g->include_count;
    return g->includes;
}

const struct gin_import *gin_imports(const struct gin *g, size_t *count)
{
    *count = g->import_count;
    return g->imports;
}

/* The last of the macros that are exactly "scope/selector". */
static const struct gin_binding *find_exactly(const struct gin *g,
                                              struct gin_slice name)
{
    struct gin_slice scope = { 0 };
    struct gin_slice selector = { 0 };
    size_t low = 0;
    size_t high = g->macro_count;

    gin_split_scope(name, &scope, &selector);
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_macro(scope, selector, g->macros[middle]) < 0)
            high = middle;
        else
            low = middle + 1;
    }
    if (low == 0 || compare_macro(scope, selector, g->macros[low - 1]) != 0)
        return NULL;
    return g->macros[low - 1];
}

const struct gin_binding *gin_find_macro(const struct gin *g, const char *name)
{
    struct gin_slice rest = { name, strlen(name) };
    const struct gin_binding *found = NULL;
    struct gin_slice last = { 0 };

    while (!found && rest.len > 0) {
        found = find_exactly(g, rest);
        gin_split_scope(rest, &rest, &last);
    }
    return found;
}

/* Whether one selector is the other's end, by whole components. */
static bool selectors_match(struct gin_slice a, const char *text)
{
    struct gin_slice b = { text, strlen(text) };
    struct gin_slice longer = a.len > b.len ? a : b;
    struct gin_slice shorter = a.len > b.len ? b : a;
    size_t more = longer.len - shorter.len;

    return !memcmp(longer.start + more, shorter.start, shorter.len) &&
           (more == 0 || longer.start[more - 1] == '.');
}

/*
 * How well a binding's scope fits the one asked for: 0 if not at all, 1 if it
 * does only because none was asked for, else the more the longer it is.
 */
static size_t scope_rank(struct gin_slice asked, const char *scope)
{
    size_t n = strlen(scope);

    if (n == 0)
        return 2;
    if (asked.len == 0)
        return 1;
    if (n > asked.len || memcmp(asked.start, scope, n) != 0)
        return 0;
    return n == asked.len || asked.start[n] == '/' ? n + 2 : 0;
}

const struct gin_binding *gin_find(const struct gin *g, const char *selector,
                                   const char *parameter)
{
    const struct gin_slice whole = { selector, strlen(selector) };
    const struct gin_binding *found = NULL;
    struct gin_slice scope = { 0 };
    struct gin_slice rest = { 0 };
    size_t best = 0;

    gin_split_scope(whole, &scope, &rest);
    for (size_t i = g->count; i-- > 0;) {
        const struct gin_binding *b = &g->bindings[i];
        size_t rank;

        if (!b->parameter || strcmp(b->parameter, parameter) != 0 ||
            !selectors_match(rest, b->complete))
            continue;
        rank = scope_rank(scope, b->scope);
        if (rank > best) {
            best = rank;
            found = b;
        }
    }
    return found;
}

/* *at is set to the last macro on the way, and left where there is none. */
static int follow(const struct gin *g, const struct gin_value *value,
                  const struct gin_value **out, const struct gin_binding **at,
                  struct error *err)
{
    const struct gin_value *v = value;

    for (int steps = 0; v && v->kind == GIN_MACRO; steps++) {
        const struct gin_binding *b = gin_find_macro(g, v->text);

        if (steps == GIN_MAX_DEPTH) {
            error_set(err, ERR_GIN,
                      "%s: the macro %%%.80s leads back to itself, or through "
                      "more than %d others",
                      b ? b->file : g->name, value->text, GIN_MAX_DEPTH);
            error_subject(err, "%s, line %u", b ? b->file : g->name,
                          b ? b->line : 0);
            error_expected(err, "a value");
            error_actual(err, "%%%s", value->text);
            return error_hint(err, "give one of these macros a value");
        }
        v = b ? &b->value : NULL;
        *at = b ? b : *at;
    }
    *out = v;
    return 0;
}

const struct gin_value *gin_follow(const struct gin *g,
                                   const struct gin_value *value)
{
    const struct gin_binding *at = NULL;
    const struct gin_value *v = NULL;

    if (follow(g, value, &v, &at, NULL))
        return value;
    return v ? v : at ? &at->value : value;
}

int gin_resolve(const struct gin *g, const struct gin_value *value,
                const struct gin_value **out, struct error *err)
{
    const struct gin_binding *at = NULL;

    return follow(g, value, out, &at, err);
}

int gin_resolve_binding(const struct gin *g, const struct gin_binding *b,
                        const struct gin_value **out,
                        const struct gin_binding **at, struct error *err)
{
    *at = b;
    return follow(g, &b->value, out, at, err);
}
