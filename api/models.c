/*
 * /v1/models: stored models, their revisions and their files.
 *
 * A file's ETag is its SHA-256, so conditions and ranges hold across restarts
 * and revisions. Whole files and single ranges leave by sendfile; several
 * ranges are put together while they leave (multipart/byteranges).
 */
#include "jobs/models.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "file_reply.h"
#include "job_json.h"
#include "page.h"
#include "routes.h"
#include "tar_response.h"

enum { JSON_BYTES = 32 << 20 };

static void put_model(struct json_writer *w, const struct stored_model *m)
{
    json_key_str(w, "name", m->name);
    json_key_str(w, "revision", m->revision);
    json_key_time(w, "published", m->published);
    json_key_u64(w, "bytes", m->bytes);
}

int models_all(struct exchange *x, struct error *err)
{
    struct stored_list models = { NULL, 0 };
    struct page p;
    int rc = page_open(x, "models", &p, err);

    if (!rc)
        rc = models_list(x->service->models, exchange_query(x, "owner"),
                         *p.after ? p.after : NULL, p.limit + 1, &models, err);
    if (rc) {
        page_done(&p);
        return rc;
    }
    for (size_t i = 0; i < models.count; i++) {
        if (!page_take(&p, models.items[i]->name))
            continue;
        json_open(&p.w, '{');
        put_model(&p.w, models.items[i]);
        json_close(&p.w, '}');
    }
    stored_list_done(&models);
    return page_reply(x, &p, err);
}

static void name_of(const struct exchange *x, char name[static 256])
{
    snprintf(name, 256, "%s/%s", exchange_param(x, "owner"),
             exchange_param(x, "name"));
}

/* The model that path and query name. */
static int get_model(const struct exchange *x, struct stored_model **out,
                     struct error *err)
{
    char name[256];

    name_of(x, name);
    return models_get(x->service->models, name, exchange_query(x, "revision"),
                      out, err);
}

static void put_files(struct json_writer *w, const struct stored_model *m)
{
    json_key(w, "files");
    json_open(w, '[');
    for (size_t i = 0; i < m->file_count; i++) {
        json_open(w, '{');
        json_key_str(w, "name", m->files[i].name);
        json_key_u64(w, "bytes", m->files[i].size);
        json_key_str(w, "sha256", m->files[i].sha256);
        json_close(w, '}');
    }
    json_close(w, ']');
}

static int put_revisions(const struct exchange *x, struct json_writer *w,
                         const char *name, struct error *err)
{
    struct stored_list all = { NULL, 0 };
    int rc = models_revisions(x->service->models, name, &all, err);

    if (rc)
        return rc;
    json_key(w, "revisions");
    json_open(w, '[');
    for (size_t i = 0; i < all.count; i++)
        json_str(w, all.items[i]->revision);
    json_close(w, ']');
    stored_list_done(&all);
    return 0;
}

static int show(struct exchange *x, struct error *err)
{
    struct buf json = BUF_INIT(JSON_BYTES);
    struct json_writer w = JSON_WRITER(&json, JSON_STYLE_COMPACT);
    struct stored_model *m = NULL;
    int rc = get_model(x, &m, err);

    if (rc)
        return rc;
    json_open(&w, '{');
    put_model(&w, m);
    put_files(&w, m);
    rc = put_revisions(x, &w, m->name, err);
    json_close(&w, '}');
    if (!rc)
        rc = buf_status(&json, err);
    if (!rc)
        rc = exchange_reply_bytes(x, MHD_HTTP_OK, "application/json", json.data,
                                  json.len, err);
    stored_unref(m);
    buf_done(&json);
    return rc;
}

static int delete_model(struct exchange *x, struct error *err)
{
    char name[256];
    int rc;

    name_of(x, name);
    rc = models_delete(x->service->models, name, exchange_query(x, "revision"),
                       err);
    if (rc)
        return rc;
    return exchange_reply(
        x, MHD_HTTP_NO_CONTENT, 0,
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT), err);
}

int models_one(struct exchange *x, struct error *err)
{
    return x->method == METHOD_DELETE ? delete_model(x, err) : show(x, err);
}

int models_provenance(struct exchange *x, struct error *err)
{
    struct stored_model *m = NULL;
    int rc = get_model(x, &m, err);

    if (rc)
        return rc;
    if (m->provenance)
        rc = exchange_reply_bytes(x, MHD_HTTP_OK, "application/json",
                                  m->provenance, strlen(m->provenance), err);
    else
        rc = error_set(err, ERR_NOT_FOUND, "how %.96s was made is not known",
                       m->name);
    stored_unref(m);
    return rc;
}

/*
 * What is named by its revision never changes. Anything else has to be asked
 * for again, which only helps where there is an ETag to ask with.
 */
static void set_caching(struct exchange *x, bool has_etag)
{
    const char *revision = exchange_query(x, "revision");

    if (revision && stored_is_revision(revision))
        x->caching = "private, max-age=31536000, immutable";
    else if (has_etag)
        x->caching = "no-cache";
}

int models_file(struct exchange *x, struct error *err)
{
    const char *name = exchange_param(x, "file");
    struct stored_model *m = NULL;
    int at;
    int fd = -1;
    int rc = get_model(x, &m, err);

    if (rc)
        return rc;
    at = stored_find(m, name);
    if (at < 0) {
        error_set(err, ERR_NOT_FOUND, "%.96s has no file '%.100s'", m->name,
                  name);
        rc = error_subject(err, "%.200s", name);
    } else {
        rc = models_open_file(x->service->models, &m->files[at], &fd, err);
    }
    if (!rc) {
        set_caching(x, true);
        rc = file_reply_steal(x, fd, &m->files[at], err);
    }
    stored_unref(m);
    return rc;
}

static int fill_tar(const struct exchange *x, const struct stored_model *m,
                    struct tar *t, struct error *err)
{
    int fd;
    int rc = 0;

    for (size_t i = 0; i < m->file_count && !rc; i++) {
        rc = models_open_file(x->service->models, &m->files[i], &fd, err);
        if (!rc)
            rc = tar_add_steal(t, m->files[i].name, m->files[i].size, fd, err);
    }
    return rc;
}

int models_archive(struct exchange *x, struct error *err)
{
    struct stored_model *m = NULL;
    struct MHD_Response *r;
    struct tar *t = NULL;
    uint64_t size;
    int rc = get_model(x, &m, err);

    if (!rc)
        rc = tar_open(NULL, &t, err);
    if (!rc)
        rc = fill_tar(x, m, t, err);
    stored_unref(m);
    if (rc) {
        tar_free(t);
        return rc;
    }
    size = tar_size(t);
    r = tar_response_steal(t);
    if (r) {
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE,
                                "application/x-tar");
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_DISPOSITION,
                                "attachment; filename=\"model.tar\"");
    }
    set_caching(x, false);
    return exchange_reply(x, MHD_HTTP_OK, size, r, err);
}
