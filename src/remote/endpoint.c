/*
 * A setting becomes the beginning of each URL, so it is held to be just that.
 */
#include "remote/endpoint.h"

#include <string.h>

#include "remote/url.h"

static int refuse(const char *what, struct error *err)
{
    error_set(err, ERR_USAGE, "%s is no endpoint", what);
    error_subject(err, "%s", what);
    return error_expected(err, "https://host[:port], without a path");
}

int endpoint_take(const char *what, const char *given, const char *fallback,
                  char **out, bool *trusted, struct error *err)
{
    struct buf text = BUF_INIT(URL_MAX);
    struct url u = { .path = NULL };
    int rc = 0;

    *trusted = given && *given;
    if (*trusted && !strstr(given, "://"))
        buf_puts(&text, "http://");
    buf_puts(&text, *trusted ? given : fallback);
    if (!buf_str(&text) || url_parse(buf_str(&text), &u, NULL) ||
        strcmp(u.path, "/") != 0 || u.query)
        rc = refuse(what, err);
    if (!rc) {
        buf_clear(&text);
        url_write(&u, &text);
        text.len -= text.len > 0; /* the path */
        *out = buf_take_str(&text);
        rc = *out ? 0 : error_memory(err);
    }
    url_done(&u);
    buf_done(&text);
    return rc;
}
