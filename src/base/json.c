/*
 * JSON: a guarded way into jansson, and a streaming writer.
 *
 * jansson parses recursively up to its own limit of 2,048 and dumps without
 * any, so depth is checked on the text before it is parsed; what is parsed is
 * then safe to walk by recursion. The writer makes no tree: it keeps one bit
 * per open container, enough to place commas and line breaks.
 */
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/utf8.h"

/* The deepest nesting of brackets outside of strings. */
static unsigned text_depth(const unsigned char *text, size_t len)
{
    unsigned depth = 0;
    unsigned deepest = 0;
    bool quoted = false;

    for (size_t i = 0; i < len && deepest <= JSON_MAX_DEPTH; i++) {
        if (quoted) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                quoted = false;
        } else if (text[i] == '"') {
            quoted = true;
        } else if (text[i] == '{' || text[i] == '[') {
            if (++depth > deepest)
                deepest = depth;
        } else if ((text[i] == '}' || text[i] == ']') && depth > 0) {
            depth--;
        }
    }
    return deepest;
}

int json_read(const void *data, size_t len, const char *what,
              enum error_code code, json_t **out, struct error *err)
{
    json_error_t where;
    json_t *value;

    if (text_depth(data, len) > JSON_MAX_DEPTH) {
        error_set(err, code, "%s is nested too deeply", what);
        error_subject(err, "%s", what);
        return error_expected(err, "at most %d levels", JSON_MAX_DEPTH);
    }
    value = json_loadb(data, len, JSON_REJECT_DUPLICATES, &where);
    if (!value) {
        error_set(err, code, "%s is not valid JSON: line %d, column %d: %s",
                  what, where.line, where.column, where.text);
        return error_subject(err, "%s, line %d", what, where.line);
    }
    *out = value;
    return 0;
}

static void break_line(struct json_writer *w)
{
    if (w->style != JSON_STYLE_PYTHON)
        return;
    buf_putc(w->buf, '\n');
    for (unsigned i = 0; i < w->depth; i++)
        buf_puts(w->buf, "  ");
}

/* What stands before a value or key: a comma and a line break, or nothing. */
static void separate(struct json_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->depth == 0)
        return;
    if (w->filled[w->depth])
        buf_putc(w->buf, ',');
    w->filled[w->depth] = true;
    break_line(w);
}

void json_open(struct json_writer *w, char bracket)
{
    separate(w);
    buf_putc(w->buf, bracket);
    if (w->depth == JSON_MAX_DEPTH) {
        w->buf->failed = ERR_INTERNAL;
        return;
    }
    w->filled[++w->depth] = false;
}

void json_close(struct json_writer *w, char bracket)
{
    bool filled = w->filled[w->depth];

    if (w->depth > 0)
        w->depth--;
    if (filled)
        break_line(w);
    buf_putc(w->buf, bracket);
}

static void put_escape(struct buf *b, uint32_t point)
{
    if (point > 0xffff) {
        point -= 0x10000;
        buf_printf(b, "\\u%04x\\u%04x", 0xd800 + (point >> 10),
                   0xdc00 + (point & 0x3ff));
    } else {
        buf_printf(b, "\\u%04x", point);
    }
}

/* How many bytes of text stand for themselves in all styles. */
static size_t plain_length(const unsigned char *text)
{
    size_t n = 0;

    while (text[n] >= 0x20 && text[n] < 0x7f && text[n] != '"' &&
           text[n] != '\\')
        n++;
    return n;
}

/*
 * text in quotes. It may quote a stranger's bytes, cut anywhere: what is not
 * UTF-8 becomes U+FFFD, since JSON has to be UTF-8.
 */
static void put_quoted(struct json_writer *w, const char *text)
{
    static const unsigned char replacement[] = { 0xef, 0xbf, 0xbd };
    static const char names[] = "\b\f\n\r\t\"\\";
    static const char letters[] = "bfnrt\"\\";
    const unsigned char *p = (const unsigned char *)text;
    const unsigned char *unit;
    const char *name;
    size_t len;

    buf_putc(w->buf, '"');
    for (; *p; p += len ? len : 1) {
        len = plain_length(p);
        if (len > 0) {
            buf_append(w->buf, p, len);
            continue;
        }
        len = utf8_length(p, strnlen((const char *)p, 4));
        unit = len ? p : replacement;
        name = strchr(names, *p);
        if (name) {
            buf_putc(w->buf, '\\');
            buf_putc(w->buf, letters[name - names]);
        } else if (*unit >= 0x20 && ((len == 1 && *unit != 0x7f) ||
                                     w->style != JSON_STYLE_PYTHON)) {
            buf_append(w->buf, unit, len ? len : sizeof replacement);
        } else {
            put_escape(w->buf,
                       utf8_point(unit, len ? len : sizeof replacement));
        }
    }
    buf_putc(w->buf, '"');
}

void json_key(struct json_writer *w, const char *key)
{
    separate(w);
    put_quoted(w, key);
    buf_puts(w->buf, w->style == JSON_STYLE_PYTHON ? ": " : ":");
    w->after_key = true;
}

void json_str(struct json_writer *w, const char *text)
{
    separate(w);
    put_quoted(w, text);
}

void json_u64(struct json_writer *w, uint64_t value)
{
    separate(w);
    buf_printf(w->buf, "%llu", (unsigned long long)value);
}

void json_i64(struct json_writer *w, int64_t value)
{
    separate(w);
    buf_printf(w->buf, "%lld", (long long)value);
}

void json_bool(struct json_writer *w, bool value)
{
    separate(w);
    buf_puts(w->buf, value ? "true" : "false");
}

void json_nul(struct json_writer *w)
{
    separate(w);
    buf_puts(w->buf, "null");
}

void json_raw(struct json_writer *w, const char *json)
{
    separate(w);
    buf_puts(w->buf, json);
}

/*
 * Python prints the shortest digits that read back the same, positional where
 * the exponent is from -4 to 15 and as 1e-06 elsewhere.
 */
void json_double(struct json_writer *w, double value)
{
    char text[40];
    char *exponent;
    int precision = 0;
    int power;

    separate(w);
    if (!isfinite(value)) {
        buf_puts(w->buf, isnan(value) ? "NaN"
                         : value > 0  ? "Infinity"
                                      : "-Infinity");
        return;
    }
    do
        snprintf(text, sizeof text, "%.*e", precision, value);
    while (strtod(text, NULL) != value && ++precision < 17);
    exponent = strchr(text, 'e');
    power = (int)strtol(exponent + 1, NULL, 10);
    if (power < -4 || power >= 16) {
        buf_puts(w->buf, text);
        return;
    }
    precision = precision > power ? precision - power : 0;
    buf_printf(w->buf, "%.*f%s", precision, value, precision ? "" : ".0");
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void put_object(struct json_writer *w, const json_t *object)
{
    size_t n = json_object_size(object);
    const char **keys = calloc(n ? n : 1, sizeof *keys);
    size_t i = 0;
    void *iter = json_object_iter((json_t *)(uintptr_t)object);

    if (!keys) {
        w->buf->failed = ERR_MEMORY;
        return;
    }
    for (; iter && i < n; i++) {
        keys[i] = json_object_iter_key(iter);
        iter = json_object_iter_next((json_t *)(uintptr_t)object, iter);
    }
    qsort(keys, n, sizeof *keys, compare_keys);
    json_open(w, '{');
    for (i = 0; i < n; i++) {
        json_key(w, keys[i]);
        json_value(w, json_object_get(object, keys[i]));
    }
    json_close(w, '}');
    free(keys);
}

void json_value(struct json_writer *w, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        put_object(w, value);
        break;
    case JSON_ARRAY:
        json_open(w, '[');
        for (size_t i = 0; i < json_array_size(value); i++)
            json_value(w, json_array_get(value, i));
        json_close(w, ']');
        break;
    case JSON_STRING:
        json_str(w, json_string_value(value));
        break;
    case JSON_INTEGER:
        json_i64(w, json_integer_value(value));
        break;
    case JSON_REAL:
        json_double(w, json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        json_bool(w, json_is_true(value));
        break;
    case JSON_NULL:
        json_nul(w);
        break;
    }
}

void json_key_str(struct json_writer *w, const char *key, const char *text)
{
    json_key(w, key);
    json_str(w, text);
}

void json_key_u64(struct json_writer *w, const char *key, uint64_t value)
{
    json_key(w, key);
    json_u64(w, value);
}

void json_key_bool(struct json_writer *w, const char *key, bool value)
{
    json_key(w, key);
    json_bool(w, value);
}

void json_key_dims(struct json_writer *w, const char *key, const uint64_t *dims,
                   unsigned n)
{
    json_key(w, key);
    json_open(w, '[');
    for (unsigned i = 0; i < n; i++)
        json_u64(w, dims[i]);
    json_close(w, ']');
}

void json_key_text(struct json_writer *w, const char *key, const char *text)
{
    json_key(w, key);
    if (text)
        json_str(w, text);
    else
        json_nul(w);
}

void json_key_time(struct json_writer *w, const char *key, uint64_t ms)
{
    time_t at = (time_t)(ms / 1000);
    char text[64];
    struct tm utc;
    size_t n;

    if (!ms || !gmtime_r(&at, &utc)) {
        json_key_text(w, key, NULL);
        return;
    }
    n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + n, sizeof text - n, ".%03uZ", (unsigned)(ms % 1000));
    json_key_str(w, key, text);
}
