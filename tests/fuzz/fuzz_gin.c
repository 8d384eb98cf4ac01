/*
 * Gin files. Beyond memory errors: what a value prints as must be a value that
 * prints the same, and what is bound must be found.
 */
#include "fuzz.h"

#include <string.h>

#include "model/gin.h"

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
        FUZZ_ASSERT(gin_find(g, b->selector, b->parameter));
    else if (!*b->scope)
        FUZZ_ASSERT(gin_find_macro(g, b->selector));
    buf_done(&text);
    buf_done(&again);
    buf_done(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gin_binding *bindings;
    struct gin *g = NULL;
    struct error err;
    size_t count = 0;

    if (gin_parse(data, size, "m.gin", &g, &err)) {
        FUZZ_ASSERT(err.code == ERR_GIN && *err.text && *err.hint);
        return 0;
    }
    bindings = gin_bindings(g, &count);
    for (size_t i = 0; i < count && i < BINDINGS_MAX; i++)
        check_binding(g, &bindings[i]);
    gin_free(g);
    return 0;
}
