/*
 * Gin's values: freeing, printing, and the keys of dicts.
 *
 * Values nest at most GIN_MAX_DEPTH deep, which makes recursion safe here.
 * Through macros they can nest further and even contain themselves
 * (A = [%A]), so the JSON writer goes by its own depth, and stops at the first
 * failure of its buffer, whose limit thereby bounds the work as well.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "model/gin_parts.h"

void gin_value_done(struct gin_value *value)
{
    for (size_t i = 0; i < value->count; i++)
        gin_value_done(&value->items[i]);
    free(value->items);
    free(value->text);
    *value = (struct gin_value){ .kind = GIN_NONE };
}

bool gin_value_hashable(const struct gin_value *value)
{
    if (value->kind == GIN_LIST || value->kind == GIN_DICT)
        return false;
    for (size_t i = 0; i < value->count; i++)
        if (!gin_value_hashable(&value->items[i]))
            return false;
    return true;
}

/* Python's True == 1 == 1.0: the three kinds are one. */
static enum gin_kind key_kind(const struct gin_value *v)
{
    return v->kind == GIN_BOOL || v->kind == GIN_INT ? GIN_FLOAT : v->kind;
}

static int compare_numbers(const struct gin_value *a, const struct gin_value *b)
{
    long double x = a->kind == GIN_BOOL  ? (long double)a->boolean
                    : a->kind == GIN_INT ? (long double)a->integer
                                         : (long double)a->number;
    long double y = b->kind == GIN_BOOL  ? (long double)b->boolean
                    : b->kind == GIN_INT ? (long double)b->integer
                                         : (long double)b->number;

    return (x > y) - (x < y);
}

/* An order of hashable values in which 0 means that Python has a == b. */
static int compare_keys(const struct gin_value *a, const struct gin_value *b)
{
    enum gin_kind kind = key_kind(a);
    int order = (kind > key_kind(b)) - (kind < key_kind(b));

    if (order == 0 && kind == GIN_FLOAT)
        return compare_numbers(a, b);
    if (order == 0)
        order = a->called - b->called;
    if (order == 0)
        order = a->bytes - b->bytes;
    if (order == 0 && a->text && b->text)
        order = strcmp(a->text, b->text);
    if (order == 0)
        order = (a->count > b->count) - (a->count < b->count);
    for (size_t i = 0; order == 0 && i < a->count; i++)
        order = compare_keys(&a->items[i], &b->items[i]);
    return order;
}

/* Equal keys stay in the dict's order: they are items of one array. */
static int compare_places(const void *a, const void *b)
{
    const struct gin_value *x = *(struct gin_value *const *)a;
    const struct gin_value *y = *(struct gin_value *const *)b;
    int order = compare_keys(x, y);

    return order ? order : (x > y) - (x < y);
}

int gin_value_unique_keys(struct gin_value *dict, struct error *err)
{
    size_t pairs = dict->count / 2;
    struct gin_value **keys;
    size_t kept = 0;

    if (pairs < 2)
        return 0;
    keys = calloc(pairs, sizeof(*keys));
    if (!keys)
        return error_memory(err);
    for (size_t i = 0; i < pairs; i++)
        keys[i] = &dict->items[2 * i];
    qsort(keys, pairs, sizeof(*keys), compare_places);
    for (size_t i = 0, first = 0; i < pairs; i++) {
        struct gin_value *value = keys[i] + 1;

        if (i == 0 || compare_keys(keys[first], keys[i]) != 0) {
            first = i;
            continue;
        }
        gin_value_done(keys[first] + 1);
        keys[first][1] = *value;
        *value = (struct gin_value){ .kind = GIN_NONE };
        gin_value_done(keys[i]);
        keys[i]->kind = GIN_LIST; /* no key: marks the pair as gone */
    }
    free(keys);
    for (size_t i = 0; i < dict->count; i += 2) {
        if (dict->items[i].kind == GIN_LIST)
            continue;
        dict->items[kept++] = dict->items[i];
        dict->items[kept++] = dict->items[i + 1];
    }
    dict->count = kept;
    return 0;
}

static void print_string(const struct gin_value *value, struct buf *out)
{
    static const char letters[] = "\\\n\r\t";
    static const char names[] = "\\nrt";
    char quote =
        strchr(value->text, '\'') && !strchr(value->text, '"') ? '"' : '\'';

    if (value->bytes)
        buf_putc(out, 'b');
    buf_putc(out, quote);
    for (const char *p = value->text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        const char *letter = strchr(letters, *p);

        if (letter)
            buf_printf(out, "\\%c", names[letter - letters]);
        else if (c < 0x20 || c == 0x7f || (c >= 0x80 && value->bytes))
            buf_printf(out, "\\x%02x", c);
        else
            buf_printf(out, *p == quote ? "\\%c" : "%c", *p);
    }
    buf_putc(out, quote);
}

static void print_number(double number, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out, JSON_STYLE_COMPACT);

    if (isinf(number))
        buf_puts(out, number < 0 ? "-1e999" : "1e999");
    else
        json_double(&w, number);
}

static void print_items(const struct gin_value *value, const char *brackets,
                        struct buf *out)
{
    buf_putc(out, brackets[0]);
    for (size_t i = 0; i < value->count; i++) {
        if (i > 0)
            buf_puts(out, value->kind == GIN_DICT && i % 2 ? ": " : ", ");
        gin_value_print(&value->items[i], out);
    }
    if (value->kind == GIN_TUPLE && value->count == 1)
        buf_putc(out, ',');
    buf_putc(out, brackets[1]);
}

void gin_value_print(const struct gin_value *value, struct buf *out)
{
    switch (value->kind) {
    case GIN_NONE:
        buf_puts(out, "None");
        break;
    case GIN_BOOL:
        buf_puts(out, value->boolean ? "True" : "False");
        break;
    case GIN_INT:
        buf_printf(out, "%lld", (long long)value->integer);
        break;
    case GIN_FLOAT:
        print_number(value->number, out);
        break;
    case GIN_STRING:
        print_string(value, out);
        break;
    case GIN_LIST:
        print_items(value, "[]", out);
        break;
    case GIN_TUPLE:
        print_items(value, "()", out);
        break;
    case GIN_DICT:
        print_items(value, "{}", out);
        break;
    case GIN_MACRO:
        buf_printf(out, "%%%s", value->text);
        break;
    case GIN_REFERENCE:
        buf_printf(out, "@%s%s", value->text, value->called ? "()" : "");
        break;
    }
}

void gin_binding_print(const struct gin_binding *b, struct buf *out)
{
    buf_printf(out, "%s%s%s%s%s", b->scope, *b->scope ? "/" : "",
               b->ambiguous ? b->complete : b->selector,
               b->parameter ? "." : "", b->parameter ? b->parameter : "");
}

/* The value's gin text: as a string, or as the key of what follows. */
static void json_text(struct json_writer *w, const struct gin_value *value,
                      bool key)
{
    struct buf text = BUF_INIT(w->buf->max);
    const char *str;

    gin_value_print(value, &text);
    str = buf_str(&text);
    if (!str)
        w->buf->failed = text.failed ? text.failed : ERR_LIMIT;
    else if (key)
        json_key(w, str);
    else
        json_str(w, str);
    buf_done(&text);
}

static void json_bytes(struct json_writer *w, const struct gin_value *value)
{
    struct buf text = BUF_INIT(w->buf->max);
    const char *str;

    for (const char *p = value->text; *p; p++)
        utf8_put(&text, (unsigned char)*p);
    str = buf_str(&text);
    if (str)
        json_str(w, str);
    else
        w->buf->failed = text.failed ? text.failed : ERR_LIMIT;
    buf_done(&text);
}

static void json_items(struct json_writer *w, const struct gin *g,
                       const struct gin_value *value)
{
    bool dict = value->kind == GIN_DICT;

    json_open(w, dict ? '{' : '[');
    for (size_t i = 0; i < value->count && !w->buf->failed; i++) {
        const struct gin_value *item = &value->items[i];

        if (!dict || i % 2)
            gin_value_json(w, g, item);
        else if (item->kind == GIN_STRING && !item->bytes)
            json_key(w, item->text);
        else
            json_text(w, item, true);
    }
    json_close(w, dict ? '}' : ']');
}

void gin_value_json(struct json_writer *w, const struct gin *g,
                    const struct gin_value *value)
{
    const struct gin_value *v = gin_follow(g, value);

    switch (v->kind) {
    case GIN_NONE:
        json_nul(w);
        break;
    case GIN_BOOL:
        json_bool(w, v->boolean);
        break;
    case GIN_INT:
        json_i64(w, v->integer);
        break;
    case GIN_FLOAT:
        if (isfinite(v->number))
            json_double(w, v->number);
        else
            json_text(w, v, false);
        break;
    case GIN_STRING:
        if (v->bytes)
            json_bytes(w, v);
        else
            json_str(w, v->text);
        break;
    case GIN_LIST:
    case GIN_TUPLE:
    case GIN_DICT:
        if (w->depth < JSON_MAX_DEPTH)
            json_items(w, g, v);
        else
            json_text(w, v, false);
        break;
    case GIN_MACRO:
    case GIN_REFERENCE:
        json_text(w, v, false);
        break;
    }
}
