/*
 * Gin files. Beyond memory errors: what a value prints as must be a value that
 * prints the same, what is bound must be found, and what counts is bound once.
 *
 * The input is up to four files with a byte 1 between them, a.gin, b.gin,
 * c/a.gin and c/b.gin, which may include each other; the first is read.
 */
#include "fuzz.h"

#include <string.h>

#include "model/gin_model.h"

enum { TEXT_MAX = 8 << 20, JSON_MAX = 1 << 16, BINDINGS_MAX = 100 };

static void print_again(const struct gin_value *value, struct buf *text,
                        struct buf *again)
{
    struct error err;
    struct gin *g = NULL;
    size_t count = 0;

    buf_clear(text);
    buf_puts(text, "x = ");
    gin_value_print(value, text);
    FUZZ_ASSERT(!text->failed);
    if (text->len > GIN_MAX_BYTES)
        return;
    FUZZ_ASSERT(gin_parse(text->data, text->len, "again", &g, &err) == 0);
    buf_clear(again);
    buf_puts(again, "x = ");
    gin_value_print(&gin_bindings(g, &count)[0].value, again);
    FUZZ_ASSERT(count == 1 && text->len == again->len);
    FUZZ_ASSERT(!memcmp(text->data, again->data, text->len));
    gin_free(g);
}

static void check_binding(const struct gin *g, const struct gin_binding *b)
{
    struct buf text = BUF_INIT(TEXT_MAX);
    struct buf again = BUF_INIT(TEXT_MAX);
    struct buf json = BUF_INIT(JSON_MAX);
    struct json_writer w = JSON_WRITER(&json, JSON_STYLE_COMPACT);

    print_again(&b->value, &text, &again);
    gin_value_json(&w, g, &b->value);
    FUZZ_ASSERT(w.depth == 0);
    if (b->parameter)
        FUZZ_ASSERT(gin_find(g, b->complete, b->parameter));
    else if (!*b->scope)
        FUZZ_ASSERT(gin_find_macro(g, b->selector));
    buf_done(&text);
    buf_done(&again);
    buf_done(&json);
}

static bool same_target(const struct gin_binding *a,
                        const struct gin_binding *b)
{
    if (!a->parameter != !b->parameter || strcmp(a->scope, b->scope) != 0)
        return false;
    return a->parameter ? a->configurable == b->configurable &&
                              !strcmp(a->parameter, b->parameter)
                        : !strcmp(a->selector, b->selector);
}

/* Each binding has one that counts, and that is the last of its kind. */
static void check_effective(const struct gin *g)
{
    size_t count = 0;
    size_t total = 0;
    const struct gin_binding *all = gin_bindings(g, &total);
    const struct gin_binding *const *b = gin_effective(g, &count);

    FUZZ_ASSERT(count <= total && (count > 0) == (total > 0));
    for (size_t i = 0; i < total && i < BINDINGS_MAX; i++) {
        size_t found = 0;

        for (size_t j = 0; j < count; j++) {
            if (!same_target(&all[i], b[j]))
                continue;
            FUZZ_ASSERT(b[j] >= &all[i]);
            found++;
        }
        FUZZ_ASSERT(found == 1);
    }
}

static void check_model(const struct gin *g)
{
    struct gin_model m = { 0 };
    struct error err;

    if (gin_model_read(g, &m, &err))
        FUZZ_ASSERT(err.code == ERR_GIN && *err.text && *err.hint);
    for (size_t i = 0; i < m.count; i++)
        FUZZ_ASSERT(gin_model_find(&m, m.facts[i].key) == &m.facts[i]);
    for (size_t i = 0; i < m.refusal_count; i++) {
        const struct error *e = &m.refusals[i].error;

        FUZZ_ASSERT(*e->text && *e->subject && *e->expected && *e->actual &&
                    *e->hint);
    }
    gin_model_done(&m);
}

/* Cuts the input into files, the first of which is *text. */
static struct store *make_files(const uint8_t *data, size_t size,
                                const void **text, size_t *len)
{
    static const char *const names[] = { "a.gin", "b.gin", "c/a.gin",
                                         "c/b.gin" };
    struct store *store = NULL;
    struct error err;

    FUZZ_ASSERT(store_memory_new(&store, &err) == 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const uint8_t *end = size > 0 ? memchr(data, 1, size) : NULL;
        size_t n = end ? (size_t)(end - data) : size;

        if (i == 0) {
            *text = data;
            *len = n;
        }
        FUZZ_ASSERT(store_memory_put(store, names[i], data, n, &err) == 0);
        if (!end)
            break;
        data += n + 1;
        size -= n + 1;
    }
    return store;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gin_binding *bindings;
    const void *text = NULL;
    size_t len = 0;
    struct store *store = make_files(data, size, &text, &len);
    const struct gin_place places[] = { { store, "c" } };
    const struct gin_search search = { { store, "" }, places, 1 };
    struct gin *g = NULL;
    struct error err;
    size_t count = 0;

    if (gin_load(text, len, "a.gin", &search, &g, &err)) {
        FUZZ_ASSERT(err.code == ERR_GIN && *err.text && *err.hint);
        store_free(store);
        return 0;
    }
    bindings = gin_bindings(g, &count);
    for (size_t i = 0; i < count && i < BINDINGS_MAX; i++)
        check_binding(g, &bindings[i]);
    check_effective(g);
    check_model(g);
    gin_free(g);
    store_free(store);
    return 0;
}
