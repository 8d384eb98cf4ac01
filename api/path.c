/*
 * Matching a path, component by component.
 *
 * The path is matched before it is decoded, so that an encoded '/' can never
 * move the border between two components.
 */
#include "path.h"

#include <string.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte at *from, which moves behind it; -1 if it stands for none. */
static int decode_byte(const char **from, const char *end)
{
    const char *p = *from;
    int high, low;

    if (*p != '%') {
        *from = p + 1;
        return (unsigned char)*p;
    }
    if (end - p < 3)
        return -1;
    high = hex_value(p[1]);
    low = hex_value(p[2]);
    *from = p + 3;
    return high < 0 || low < 0 || (high == 0 && low == 0) ? -1
                                                          : high << 4 | low;
}

/* Appends the decoded value of [from, end) as the parameter called name. */
static bool take_param(struct path_params *out, const char *name,
                       const char *from, const char *end, bool slashes)
{
    size_t at = out->used;
    int byte;

    if (from == end || out->count == PATH_PARAMS)
        return false;
    while (from < end) {
        byte = decode_byte(&from, end);
        if (byte < 0 || (byte == '/' && !slashes) ||
            out->used + 1 >= sizeof out->text)
            return false;
        out->text[out->used++] = (char)byte;
    }
    out->text[out->used++] = '\0';
    out->items[out->count].name = name;
    out->items[out->count++].value = at;
    return true;
}

static bool same(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len == b_len && !memcmp(a, b, a_len);
}

bool path_match(const char *template, const char *path, struct path_params *out)
{
    out->used = 0;
    out->count = 0;
    if (strlen(path) > PATH_MAX_BYTES)
        return false;
    while (*template == '/' && *path == '/') {
        size_t t = strcspn(++template, "/");
        size_t p = strcspn(++path, "/");
        bool rest = t > 4 && !memcmp(template + t - 4, "...}", 4);

        if (rest)
            return take_param(out, template + 1, path, path + strlen(path),
                              true);
        if (*template == '{'
                ? !take_param(out, template + 1, path, path + p, false)
                : !same(template, t, path, p))
            return false;
        template += t;
        path += p;
    }
    return !*template && !*path;
}

const char *path_param(const struct path_params *p, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < p->count; i++)
        if (!strncmp(p->items[i].name, name, len) &&
            strchr(".}", p->items[i].name[len]))
            return p->text + p->items[i].value;
    return NULL;
}
