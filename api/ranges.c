/*
 * Reading the Range header.
 */
#include "ranges.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"

/* Digits at *p, which moves behind them; large ones saturate. */
static bool read_number(const char **p, uint64_t *out)
{
    const char *start = *p;
    uint64_t n = 0;

    for (; **p >= '0' && **p <= '9'; ++*p)
        if (!num_mul(n, 10, &n) || !num_add(n, (uint64_t)(**p - '0'), &n))
            n = UINT64_MAX / 10;
    *out = n;
    return *p > start;
}

/* One "a-b", "a-" or "-n"; len is 0 where it lies outside. False: malformed. */
static bool read_range(const char **p, uint64_t size, struct range *out)
{
    uint64_t first = 0;
    uint64_t last = 0;
    bool has_first = read_number(p, &first);
    bool has_last;

    if (**p != '-')
        return false;
    ++*p;
    has_last = read_number(p, &last);
    if (!has_first && !has_last)
        return false;
    if (has_first && has_last && last < first)
        return false;
    if (!has_first) { /* the last bytes */
        out->len = num_min(last, size);
        out->from = size - out->len;
        return true;
    }
    out->from = first;
    out->len = first >= size ? 0
               : has_last    ? num_min(last, size - 1) - first + 1
                             : size - first;
    return true;
}

static void skip_blanks(const char **p)
{
    *p += strspn(*p, " \t");
}

enum ranges_result ranges_parse(const char *header, uint64_t size,
                                struct range out[static RANGES_MAX],
                                size_t *count)
{
    static const char unit[] = "bytes=";
    const char *p = header;
    size_t seen = 0;
    struct range r;

    *count = 0;
    if (!header || strncasecmp(header, unit, sizeof unit - 1) != 0)
        return RANGES_ALL;
    p += sizeof unit - 1;
    do {
        skip_blanks(&p);
        if (*p == ',') /* an empty element */
            continue;
        if (!read_range(&p, size, &r) || ++seen > RANGES_MAX)
            return RANGES_ALL;
        if (r.len > 0)
            out[(*count)++] = r;
        skip_blanks(&p);
    } while (*p == ',' && *++p);
    if (*p || seen == 0)
        return RANGES_ALL;
    return *count ? RANGES_SOME : RANGES_NONE;
}
