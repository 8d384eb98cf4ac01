/*
 * Reading header lines (RFC 9110).
 *
 * Only what fetching needs. A value that could be read in two ways counts as
 * none: the request is then treated as if the server had said nothing.
 */
#include "remote/head.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

enum { SECONDS_MAX = 24 * 60 * 60 };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The value of one line if its name is this one. */
static const char *value_of(const char *line, size_t len, const char *name,
                            size_t *value_len)
{
    size_t n = strlen(name);

    if (len <= n || line[n] != ':' || strncasecmp(line, name, n) != 0)
        return NULL;
    line += n + 1;
    len -= n + 1;
    while (len > 0 && is_blank(*line)) {
        line++;
        len--;
    }
    while (len > 0 && is_blank(line[len - 1]))
        len--;
    *value_len = len;
    return line;
}

bool head_find(const void *lines, size_t len, const char *name, char *out,
               size_t size)
{
    const char *p = lines;
    const char *end = p + len;
    const char *found = NULL;
    size_t found_len = 0;

    *out = '\0';
    while (p < end) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t line = newline ? (size_t)(newline - p) + 1 : (size_t)(end - p);
        size_t value_len = 0;
        const char *value = value_of(p, line, name, &value_len);

        if (value && found &&
            (value_len != found_len || memcmp(value, found, found_len) != 0))
            return false;
        if (value) {
            found = value;
            found_len = value_len;
        }
        p += line;
    }
    if (!found || found_len >= size || memchr(found, '\0', found_len))
        return false;
    memcpy(out, found, found_len);
    out[found_len] = '\0';
    return true;
}

/* Reads digits and moves *p behind them. */
static bool read_number(const char **p, uint64_t *out)
{
    const char *start = *p;
    uint64_t n = 0;

    for (; **p >= '0' && **p <= '9'; (*p)++)
        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(**p - '0'), &n))
            return false;
    *out = n;
    return *p > start;
}

bool head_length(const char *text, uint64_t *out)
{
    return read_number(&text, out) && !*text;
}

bool head_content_range(const char *text, uint64_t *first, uint64_t *last,
                        bool *has_size, uint64_t *size)
{
    *has_size = false;
    *size = 0;
    if (strncasecmp(text, "bytes ", 6) != 0)
        return false;
    text += 6;
    if (!read_number(&text, first) || *text++ != '-' ||
        !read_number(&text, last) || *text++ != '/' || *last < *first)
        return false;
    if (!strcmp(text, "*"))
        return true;
    *has_size = head_length(text, size) && *last < *size;
    return *has_size;
}

bool head_retry_after(const char *text, int64_t now, uint64_t *seconds)
{
    int64_t date;

    if (!head_length(text, seconds)) {
        date = (int64_t)curl_getdate(text, NULL);
        if (date < 0)
            return false;
        *seconds = date > now ? (uint64_t)(date - now) : 0;
    }
    if (*seconds > SECONDS_MAX)
        *seconds = SECONDS_MAX;
    return true;
}
