/*
 * Uploads: the two kinds of body, and where the checkpoint is in what came.
 */
#include "upload.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "form.h"
#include "header.h"
#include "store/unpack.h"

/* Folders around the checkpoint that are entered. */
enum { MAX_AROUND = 8 };

/* Either unpack or form is there. */
struct upload {
    struct upload_target target;
    struct intake *intake;
    struct unpack *unpack;
    struct form *form;
    bool any;
};

/* NULL for a body that is no form. *boundary points into v. */
static int find_boundary(const char *content_type, struct header_value *v,
                         const char **boundary, struct error *err)
{
    *boundary = NULL;
    if (!content_type || strncasecmp(content_type, "multipart/", 10) != 0)
        return 0;
    if (!header_parse(content_type, strlen(content_type), v))
        return error_set(err, ERR_USAGE, "Content-Type is malformed");
    if (strcmp(v->token, "multipart/form-data") != 0) {
        error_set(err, ERR_MEDIA_TYPE, "%.100s is not read", v->token);
        return error_expected(err, "multipart/form-data or an archive");
    }
    *boundary = header_param(v, "boundary");
    if (!*boundary)
        return error_set(err, ERR_USAGE, "Content-Type has no boundary");
    return 0;
}

int upload_new(const struct upload_target *target, const char *content_type,
               struct upload **out, struct error *err)
{
    struct upload *u = calloc(1, sizeof *u);
    const char *boundary = NULL;
    struct header_value v;
    int rc;

    if (!u)
        return error_memory(err);
    u->target = *target;
    rc = find_boundary(content_type, &v, &boundary, err);
    if (!rc)
        rc = intake_open(target->folder, &target->limits, &u->intake, err);
    if (!rc && target->hash)
        rc = intake_hash(u->intake, err);
    if (!rc && boundary)
        rc = form_new(boundary, &u->target, u->intake, &u->form, err);
    else if (!rc)
        rc = unpack_new(u->intake, &u->unpack, err);
    if (rc)
        upload_free(u);
    else
        *out = u;
    return rc;
}

int upload_feed(struct upload *u, const void *data, size_t len,
                struct error *err)
{
    u->any = u->any || len > 0;
    return u->form ? form_feed(u->form, data, len, err)
                   : unpack_feed(u->unpack, data, len, err);
}

static int finish(struct upload *u, struct error *err)
{
    if (u->form)
        return form_finish(u->form, err);
    if (u->any)
        return unpack_finish(u->unpack, err);
    error_set(err, ERR_USAGE, "the request has no body");
    return error_hint(err, "send the checkpoint's folder as tar, tar.gz, "
                           "tar.zst or zip, or as a form");
}

int upload_finish(struct upload *u, struct upload_totals *totals,
                  struct error *err)
{
    int rc = finish(u, err);

    if (rc)
        return rc;
    *totals = (struct upload_totals){ .bytes = intake_stored(u->intake) };
    return u->target.hash ? intake_digest(u->intake, totals->digest, err) : 0;
}

void upload_free(struct upload *u)
{
    if (!u)
        return;
    form_free(u->form);
    unpack_free(u->unpack);
    intake_free(u->intake);
    free(u);
}

/* What a folder holds, of that which counts. */
struct content {
    unsigned files;
    unsigned folders;
    char *folder; /* the name of one */
};

static bool is_aside(const char *name, bool is_folder)
{
    static const char *const names[] = { "model.gin", "config.gin",
                                         "config.json" };

    if (name[0] == '.' || (is_folder && !strcmp(name, "__MACOSX")))
        return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!is_folder && !strcmp(name, names[i]))
            return true;
    return false;
}

static int count(void *ctx, const char *name, bool is_folder, struct error *err)
{
    struct content *c = ctx;

    if (is_aside(name, is_folder))
        return 0;
    if (!is_folder) {
        c->files++;
        return 0;
    }
    if (c->folders++ == 0) {
        c->folder = strdup(name);
        if (!c->folder)
            return error_memory(err);
    }
    return 0;
}

/* Appends the folders that are around the checkpoint to path. */
static int enter(struct store *s, struct buf *path, struct error *err)
{
    struct content c;
    bool inner = true;
    int rc = 0;

    for (unsigned i = 0; !rc && inner && i < MAX_AROUND; i++) {
        c = (struct content){ 0, 0, NULL };
        rc = store_list(s, buf_str(path), count, &c, err);
        inner = !rc && c.files == 0 && c.folders == 1;
        if (inner && path->len > 0)
            buf_putc(path, '/');
        if (inner)
            buf_puts(path, c.folder);
        free(c.folder);
        if (!buf_str(path))
            rc = buf_status(path, err);
    }
    return rc;
}

int upload_open_checkpoint(const char *folder, struct checkpoint **out,
                           struct error *err)
{
    struct buf path = BUF_INIT(STORE_NAME_MAX);
    struct store *store = NULL;
    int rc = store_local_open(folder, &store, err);
    char *label = strdup("the upload");

    if (!rc && !label)
        rc = error_memory(err);
    if (!rc) {
        /* Messages shall not tell where the server keeps its files. */
        free(store->label);
        store->label = label;
        label = NULL;
        rc = enter(store, &path, err);
    }
    if (!rc) {
        rc = checkpoint_open_steal(store, buf_str(&path), out, err);
        store = NULL;
    }
    store_free(store);
    free(label);
    buf_done(&path);
    return rc;
}
