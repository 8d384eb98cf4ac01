/*
 * The table of schemes.
 */
#include "remote/remote.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *scheme;
    remote_open_fn open;
} schemes[] = {
    { "https", remote_open_https }, { "http", remote_open_https },
    { "gs", remote_open_gs },       { "s3", remote_open_s3 },
    { "hf", remote_open_hf },
};

static remote_open_fn find(const char *url)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (url_has_scheme(url, schemes[i].scheme))
            return schemes[i].open;
    return NULL;
}

bool remote_is_url(const char *text)
{
    return find(text) != NULL;
}

int remote_open(struct fetch *f, const char *url,
                const struct remote_options *o, struct store **out,
                char folder[static STORE_NAME_MAX + 1], struct error *err)
{
    remote_open_fn open = find(url);
    char shown[200];

    if (open)
        return open(f, url, o, out, folder, err);
    url_shown(url, shown, sizeof shown);
    error_set(err, ERR_URL, "%s has a scheme that is not known", shown);
    error_subject(err, "%s", shown);
    return error_expected(err, "https, http, gs, s3, hf");
}

/* Cuts url into the folder's URL, with the query, and the object's name. */
static int split(const char *url, const char *fallback, char **parent,
                 char **name, struct error *err)
{
    bool web = url_has_scheme(url, "https") || url_has_scheme(url, "http");
    size_t end = web ? strcspn(url, "?#") : strlen(url);
    struct buf folder = BUF_INIT(2 * URL_MAX);
    size_t last;

    while (end > 0 && url[end - 1] == '/')
        end--;
    last = end;
    while (last > 0 && url[last - 1] != '/')
        last--;
    if (fallback && !memchr(url + last, '.', end - last)) {
        buf_append(&folder, url, end);
        *name = strdup(fallback);
    } else {
        buf_append(&folder, url, last);
        *name = strndup(url + last, end - last);
        if (*name && web)
            url_decode(*name, false);
    }
    if (web)
        buf_puts(&folder, url + strcspn(url, "?#"));
    *parent = buf_take_str(&folder);
    return *parent && *name ? 0 : error_memory(err);
}

int remote_open_file(struct fetch *f, const char *url, const char *fallback,
                     const struct remote_options *o, struct store **out,
                     char folder[static STORE_NAME_MAX + 1], char **name,
                     struct error *err)
{
    char *parent = NULL;
    char *last = NULL;
    int rc = split(url, fallback, &parent, &last, err);

    if (!rc)
        rc = remote_open(f, parent, o, out, folder, err);
    free(parent);
    if (rc)
        free(last);
    else
        *name = last;
    return rc;
}
