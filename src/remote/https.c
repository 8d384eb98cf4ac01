/*
 * A folder of any web server as a store.
 *
 * An object's URL is the folder's with the object's name behind it; a query (as
 * signed URLs have) goes along with each. ETags tell versions. Servers list
 * folders for people only, so the store cannot list.
 */
#include <stdlib.h>
#include <string.h>

#include "remote/objects.h"

struct https_store {
    struct objects base;
    struct url root; /* its path does not end in '/' */
    const char *token;
};

static int https_ask(struct objects *o, const char *name, const char *version,
                     struct objects_query *q, struct error *err)
{
    struct https_store *s = (struct https_store *)o;
    struct url folder = s->root;

    (void)err;
    folder.query = NULL;
    url_write(&folder, &q->url);
    buf_putc(&q->url, '/');
    url_encode(&q->url, name, true);
    if (s->root.query)
        buf_printf(&q->url, "?%s", s->root.query);
    url_write_shown(&folder, &q->shown);
    buf_printf(&q->shown, "/%s", name);
    q->request.bearer = s->token;
    /* A weak ETag or a date is compared by who asked, not by the server. */
    if (*version == '"') {
        buf_append(&q->lines, version, strlen(version) + 1);
        q->request.if_match = buf_str(&q->lines);
    }
    return 0;
}

static void https_done(struct objects *o)
{
    url_done(&((struct https_store *)o)->root);
}

static const struct objects_ops https_ops = {
    .ask = https_ask,
    .done = https_done,
};

static void cut_slashes(char *path)
{
    size_t len = strlen(path);

    while (len > 0 && path[len - 1] == '/')
        path[--len] = '\0';
}

/* The folder's store; index says to cut the name of the index off first. */
static int open_folder(struct fetch *f, const char *url, bool index,
                       const struct remote_options *o, struct store **out,
                       struct error *err)
{
    struct https_store *s = calloc(1, sizeof *s);
    struct buf label = BUF_INIT(2 * URL_MAX);
    int rc = s ? url_parse(url, &s->root, err) : error_memory(err);

    if (!rc) {
        cut_slashes(s->root.path);
        if (index)
            *strrchr(s->root.path, '/') = '\0';
        url_write_shown(&s->root, &label);
        s->token = o->https_token;
        rc = buf_str(&label) ? objects_init(&s->base, &https_ops, f, o,
                                            buf_str(&label), err)
                             : error_memory(err);
    }
    if (!rc) {
        *out = &s->base.base;
    } else if (s) {
        url_done(&s->root);
        free(s);
    }
    buf_done(&label);
    return rc;
}

static bool names_index(const struct store *s)
{
    const char *slash = strrchr(s->label, '/');

    return slash && !strcmp(slash, "/checkpoint");
}

/* Whether what makes a folder a T5X or Orbax checkpoint is in it. */
static bool is_folder(struct store *s)
{
    static const char *const marks[] = { "checkpoint", "_METADATA",
                                         "manifest.ocdbt" };
    uint64_t size;

    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        store_soon(s, STORE_SOON_SIZE, marks[i], 0, 0);
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (store_size(s, marks[i], &size, NULL) == 0)
            return true;
    return false;
}

int remote_open_https(struct fetch *f, const char *url,
                      const struct remote_options *o, struct store **out,
                      char folder[static STORE_NAME_MAX + 1], struct error *err)
{
    struct store *s = NULL;
    int rc = open_folder(f, url, false, o, &s, err);

    /* Is .../checkpoint the index, or a folder of that name with one in it? */
    if (!rc && names_index(s) && !is_folder(s)) {
        store_free(s);
        s = NULL;
        rc = open_folder(f, url, true, o, &s, err);
    }
    if (rc)
        return rc;
    folder[0] = '\0';
    *out = s;
    return 0;
}
