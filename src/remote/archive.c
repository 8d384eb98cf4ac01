/*
 * Fetching archives.
 *
 * The archive itself is never stored: its bytes go through unpacking as they
 * come, and a slow disk slows the server down.
 */
#include "remote/archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "remote/objects.h"
#include "store/unpack.h"

static const char *const endings[] = { ".tar",     ".tar.gz", ".tgz",
                                       ".tar.zst", ".tzst",   ".zip" };

bool archive_is(const char *url)
{
    bool web = url_has_scheme(url, "https") || url_has_scheme(url, "http");
    size_t len = web ? strcspn(url, "?#") : strlen(url);

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t n = strlen(endings[i]);

        if (len > n && !strncasecmp(url + len - n, endings[i], n))
            return true;
    }
    return false;
}

static int feed(void *ctx, const void *data, size_t len, struct error *err)
{
    return unpack_feed(ctx, data, len, err);
}

static int unpack(struct store *store, const char *path, const char *folder,
                  const struct intake_limits *limits, struct error *err)
{
    struct intake *in = NULL;
    struct unpack *u = NULL;
    int rc = intake_open(folder, limits, &in, err);

    if (!rc)
        rc = unpack_new(in, &u, err);
    if (!rc)
        rc = objects_stream(store, path, feed, u, err);
    if (!rc)
        rc = unpack_finish(u, err);
    unpack_free(u);
    intake_free(in);
    return rc;
}

int archive_fetch(struct fetch *f, const char *url,
                  const struct remote_options *o, const char *folder,
                  const struct intake_limits *limits, struct error *err)
{
    char inner[STORE_NAME_MAX + 1];
    char path[2 * STORE_NAME_MAX + 2];
    struct store *store = NULL;
    char *name = NULL;
    int rc = remote_open_file(f, url, NULL, o, &store, inner, &name, err);

    if (!rc) {
        snprintf(path, sizeof path, "%s%s%s", inner, *inner ? "/" : "", name);
        rc = unpack(store, path, folder, limits, err);
    }
    store_free(store);
    free(name);
    return rc;
}
