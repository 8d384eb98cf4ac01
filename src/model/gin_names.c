/*
 * Which selectors mean the same, and so which bindings count.
 *
 * gin-config knows every configurable's complete name, since the modules that
 * define them are loaded. A file that asks for dynamic registration says itself
 * what its selectors begin with: "from flaxformer.components import dense"
 * makes dense.MlpBlock flaxformer.components.dense.MlpBlock, and nothing else.
 * In other files a selector is any end of a complete name, if only one has it.
 *
 * Here the complete names are those that bindings mention, and a selector that
 * is not complete means what extends it, where only one thing does. Where there
 * are several it stands for itself; gin-config refuses it, if all of them are
 * known by then: here it plays no part which binding comes first. Sorted from
 * their ends, all that extends a selector follows it.
 */
#include <stdlib.h>
#include <string.h>

#include "model/gin_parts.h"

/* "module" or "module.name"; NULL without memory. */
static char *join(struct gin_slice module, struct gin_slice name)
{
    struct buf whole = BUF_INIT(2 * GIN_MAX_NAME + 2);

    buf_append(&whole, module.start, module.len);
    if (name.len > 0) {
        buf_putc(&whole, '.');
        buf_append(&whole, name.start, name.len);
    }
    return buf_take_str(&whole);
}

/* Up to the first dot. */
static struct gin_slice first_component(struct gin_slice s)
{
    const char *dot = memchr(s.start, '.', s.len);

    return (struct gin_slice){ s.start, dot ? (size_t)(dot - s.start) : s.len };
}

int gin_add_import(struct gin_parser *p, struct gin_slice module,
                   struct gin_slice name, struct gin_slice alias, unsigned line,
                   struct error *err)
{
    struct gin *g = p->gin;
    struct gin_import import = { .file = p->source->file };
    void *imports = g->imports;

    if (gin_slice_is(module, "__gin__")) {
        p->dynamic = p->dynamic || gin_slice_is(name, "dynamic_registration");
        return 0;
    }
    if (p->import_count == GIN_MAX_IMPORTS)
        return gin_error(err, p->lex.name, line, "at most 256 imports",
                         "one more", "a model's gin file needs no more");
    if (!gin_grow(&imports, &g->import_capacity, g->import_count,
                  sizeof import))
        return error_memory(err);
    g->imports = imports;
    import.plain = name.len == 0 && alias.len == 0;
    import.module = join(module, name);
    import.name = gin_slice_copy(alias.len > 0  ? alias
                                 : name.len > 0 ? name
                                                : first_component(module));
    if (!import.module || !import.name) {
        free(import.module);
        free(import.name);
        return error_memory(err);
    }
    p->imports[p->import_count++] = g->import_count;
    g->imports[g->import_count++] = import;
    return 0;
}

int gin_complete(const struct gin_parser *p, struct gin_slice selector,
                 char **out, struct error *err)
{
    struct gin_slice first = first_component(selector);
    struct buf whole = BUF_INIT(4 * GIN_MAX_NAME);

    for (size_t i = p->dynamic ? p->import_count : 0; i-- > 0;) {
        const struct gin_import *import = &p->gin->imports[p->imports[i]];

        if (!gin_slice_is(first, import->name))
            continue;
        if (!import->plain) {
            buf_puts(&whole, import->module);
            selector.start += first.len;
            selector.len -= first.len;
        }
        break;
    }
    buf_append(&whole, selector.start, selector.len);
    *out = buf_take_str(&whole);
    return *out ? 0 : error_memory(err);
}

/* From their ends, '.' before all others: extensions follow at once. */
static int compare_ends(const char *a, const char *b)
{
    size_t n = strlen(a);
    size_t m = strlen(b);

    while (n > 0 && m > 0 && a[n - 1] == b[m - 1]) {
        n--;
        m--;
    }
    if (n == 0 || m == 0)
        return (n > 0) - (m > 0);
    if (a[n - 1] == '.' || b[m - 1] == '.')
        return (b[m - 1] == '.') - (a[n - 1] == '.');
    return (a[n - 1] > b[m - 1]) - (a[n - 1] < b[m - 1]);
}

/* Whether longer ends in selector, by whole components. */
static bool extends(const char *longer, const char *selector)
{
    size_t n = strlen(longer);
    size_t m = strlen(selector);

    return n > m && longer[n - m - 1] == '.' &&
           !strcmp(longer + n - m, selector);
}

static int compare_complete(const void *a, const void *b)
{
    const struct gin_binding *x = *(struct gin_binding *const *)a;
    const struct gin_binding *y = *(struct gin_binding *const *)b;

    return compare_ends(x->complete, y->complete);
}

/*
 * A selector of sorted bindings. All that extends it lies before end; uniform
 * tells whether that is one configurable.
 */
struct name {
    const char *complete;
    size_t first; /* of the bindings that have it */
    size_t end;   /* of the names that extend it */
    size_t configurable;
    bool dynamic;
    bool uniform;
};

/* names[i], once all behind it are known. */
static void settle_name(struct name *names, size_t i, size_t count)
{
    struct name *n = &names[i];
    const struct name *next = &names[i + 1];

    n->configurable = i;
    n->end = i + 1;
    n->uniform = true;
    while (n->end < count && extends(names[n->end].complete, n->complete))
        n->end = names[n->end].end;
    if (n->end == i + 1)
        return;
    n->uniform = next->uniform && next->end == n->end;
    if (n->uniform && !n->dynamic)
        n->configurable = next->configurable;
    else
        n->uniform = false;
}

/* Numbers the configurables of the count bindings, which are sorted. */
static int number(struct gin_binding **sorted, size_t count, struct error *err)
{
    struct name *names = calloc(count + 1, sizeof *names);
    size_t n = 0;

    if (!names)
        return error_memory(err);
    for (size_t i = 0; i < count; i++) {
        if (n == 0 || strcmp(names[n - 1].complete, sorted[i]->complete) != 0)
            names[n++] =
                (struct name){ .complete = sorted[i]->complete, .first = i };
        names[n - 1].dynamic |= sorted[i]->dynamic;
    }
    names[n].first = count;
    for (size_t i = n; i-- > 0;)
        settle_name(names, i, n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = names[i].first; j < names[i + 1].first; j++)
            sorted[j]->configurable = names[i].configurable;
    free(names);
    return 0;
}

static int compare_numbers(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

/* Bindings of the same macro, or parameter and scope, in the order read. */
static int compare_targets(const void *a, const void *b)
{
    const struct gin_binding *x = *(struct gin_binding *const *)a;
    const struct gin_binding *y = *(struct gin_binding *const *)b;
    int order = !x->parameter - !y->parameter;

    if (order == 0)
        order = strcmp(x->scope, y->scope);
    if (order == 0 && !x->parameter)
        order = strcmp(x->selector, y->selector);
    if (order == 0 && x->parameter)
        order = compare_numbers(x->configurable, y->configurable);
    if (order == 0 && x->parameter)
        order = strcmp(x->parameter, y->parameter);
    return order;
}

static int compare_in_order(const void *a, const void *b)
{
    int order = compare_targets(a, b);

    return order ? order
                 : (*(struct gin_binding *const *)a >
                    *(struct gin_binding *const *)b) -
                       (*(struct gin_binding *const *)a <
                        *(struct gin_binding *const *)b);
}

/* The last binding of each run of equals, in the place of the first. */
static int keep_last(struct gin *g, struct gin_binding **sorted, size_t count,
                     struct error *err)
{
    g->effective = calloc(g->count + 1, sizeof(*g->effective));
    if (!g->effective)
        return error_memory(err);
    for (size_t i = 0, first = 0; i < count; i++) {
        if (compare_targets(&sorted[first], &sorted[i]) != 0)
            first = i;
        g->effective[sorted[first] - g->bindings] = sorted[i];
    }
    for (size_t i = 0; i < g->count; i++)
        if (g->effective[i])
            g->effective[g->effective_count++] = g->effective[i];
    return 0;
}

static int compare_spelling(const void *a, const void *b)
{
    const struct gin_binding *x = *(struct gin_binding *const *)a;
    const struct gin_binding *y = *(struct gin_binding *const *)b;
    int order = strcmp(x->scope, y->scope);

    if (order == 0)
        order = strcmp(x->selector, y->selector);
    return order ? order : strcmp(x->parameter, y->parameter);
}

/* Of parameters that count; sorted has room for all. */
static void mark_ambiguous(struct gin *g, struct gin_binding **sorted)
{
    size_t n = 0;

    for (size_t i = 0; i < g->effective_count; i++)
        if (g->effective[i]->parameter)
            sorted[n++] = &g->bindings[g->effective[i] - g->bindings];
    qsort(sorted, n, sizeof(*sorted), compare_spelling);
    for (size_t i = 1; i < n; i++)
        if (compare_spelling(&sorted[i - 1], &sorted[i]) == 0)
            sorted[i - 1]->ambiguous = sorted[i]->ambiguous = true;
}

int gin_settle(struct gin *g, struct error *err)
{
    struct gin_binding **sorted = calloc(g->count + 1, sizeof(*sorted));
    size_t parameters = 0;
    int rc;

    if (!sorted)
        return error_memory(err);
    for (size_t i = 0; i < g->count; i++)
        if (g->bindings[i].parameter)
            sorted[parameters++] = &g->bindings[i];
    qsort(sorted, parameters, sizeof(*sorted), compare_complete);
    rc = number(sorted, parameters, err);
    if (rc)
        goto out;
    for (size_t i = 0; i < g->count; i++)
        sorted[i] = &g->bindings[i];
    qsort(sorted, g->count, sizeof(*sorted), compare_in_order);
    rc = keep_last(g, sorted, g->count, err);
    if (!rc)
        mark_ambiguous(g, sorted);
    if (!rc)
        rc = gin_sort_macros(g, err);
out:
    free(sorted);
    return rc;
}
