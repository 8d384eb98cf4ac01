/*
 * Lists of web origins, kept as the text that the user wrote: they are short,
 * and compared once for each request of a browser.
 *
 * Origins are compared byte for byte, as RFC 6454 says of their serialised
 * form; there are no patterns, which have let strangers in elsewhere.
 */
#include "service/origin.h"

#include <string.h>

static const char separators[] = ", ";

/* The next origin of a list and its length; NULL at the end. */
static const char *next_item(const char *p, size_t *len)
{
    p += strspn(p, separators);
    *len = strcspn(p, separators);
    return *len > 0 ? p : NULL;
}

/* scheme "://" host [":" port], of characters that need no decoding. */
static bool well_formed(const char *item, size_t len)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789.-_+:[]";
    size_t scheme = strcspn(item, ":");

    return scheme > 0 && scheme + 3 < len &&
           !strncmp(item + scheme, "://", 3) &&
           strspn(item, "abcdefghijklmnopqrstuvwxyz0123456789+.-") >= scheme &&
           strspn(item + scheme + 3, plain) >= len - scheme - 3;
}

int origin_check_list(const char *name, const char *text, struct error *err)
{
    size_t len = 0;

    if (!strcmp(text, "*"))
        return 0;
    for (const char *p = next_item(text, &len); p; p = next_item(p, &len)) {
        if (!well_formed(p, len)) {
            error_set(err, ERR_USAGE, "%s is not a list of web origins: '%.*s'",
                      name, (int)(len < 100 ? len : 100), p);
            return error_expected(
                err, "scheme://host[:port], in lower case, no path");
        }
        p += len;
    }
    return 0;
}

bool origin_allowed(const char *list, const char *origin)
{
    size_t want = strlen(origin);
    size_t len = 0;

    if (!strcmp(list, "*"))
        return true;
    for (const char *p = next_item(list, &len); p; p = next_item(p, &len)) {
        if (len == want && !memcmp(p, origin, len))
            return true;
        p += len;
    }
    return false;
}
