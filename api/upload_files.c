/*
 * /v1/uploads/{id}/files: files by their paths, for clients without tus.
 *
 * PUT sends a whole file, which appears when all of it is on the disk, or not
 * at all. The first one makes the upload, whose id the client chooses.
 */
#include <strings.h>

#include "page.h"
#include "routes.h"
#include "transfer.h"
#include "upload_json.h"

static int write_file(void *ctx, const struct uploads_file *file,
                      struct error *err)
{
    struct page *p = ctx;

    (void)err;
    if (page_take(p, file->path))
        upload_json_file(&p->w, file);
    return 0;
}

int upload_files_list(struct exchange *x, struct error *err)
{
    struct uploads *u = x->service->uploads;
    const char *id = exchange_param(x, "id");
    struct uploads_info info;
    struct page p;
    int rc = uploads_get(u, id, &info, err);

    if (rc)
        return rc;
    rc = page_open(x, "files", &p, err);
    if (!rc)
        rc = uploads_files(u, id, p.after, p.limit + 1, write_file, &p, err);
    if (!rc)
        return page_reply(x, &p, err);
    page_done(&p);
    return rc;
}

/* What would be taken for the file itself, and is not. */
static int check_headers(const struct exchange *x, struct error *err)
{
    const char *encoding = exchange_header(x, MHD_HTTP_HEADER_CONTENT_ENCODING);

    if (encoding && strcasecmp(encoding, "identity") != 0) {
        error_set(err, ERR_MEDIA_TYPE, "the body is encoded");
        error_actual(err, "Content-Encoding: %.60s", encoding);
        return error_hint(err, "send the file's bytes as they are");
    }
    if (exchange_header(x, MHD_HTTP_HEADER_CONTENT_RANGE)) {
        error_set(err, ERR_USAGE, "a part of a file can't be put");
        return error_hint(err, "tus sends files in parts");
    }
    return 0;
}

/* The first digest that is supported. */
static int read_digest(const struct exchange *x, struct checksum *sum,
                       struct error *err)
{
    static const char *const names[] = { "Repr-Digest", "Content-Digest" };
    int rc = 0;

    *sum = (struct checksum){ .algorithm = NULL };
    for (size_t i = 0; !rc && i < sizeof names / sizeof *names; i++) {
        const char *header = exchange_header(x, names[i]);

        if (header && !sum->algorithm)
            rc = checksum_parse_digest(header, sum, err);
    }
    return rc;
}

static int begin_put(struct exchange *x, struct error *err)
{
    struct uploads *u = x->service->uploads;
    const char *id = exchange_param(x, "id");
    const char *path = exchange_param(x, "path");
    struct transfer *t = NULL;
    struct checksum sum;
    int rc = transfer_new(x, &t, err);

    if (!rc)
        rc = check_headers(x, err);
    if (!rc)
        rc = read_digest(x, &sum, err);
    if (rc)
        return rc;
    rc = uploads_find(u, id, path, &t->file, err);
    t->replaces = !rc;
    if (rc && rc != ERR_NOT_FOUND)
        return rc;
    return uploads_put_begin(u, id, path, transfer_length(x), &sum, &t->append,
                             err);
}

int upload_files_begin(struct exchange *x, struct error *err)
{
    return x->method == METHOD_PUT ? begin_put(x, err) : 0;
}

static int reply_empty(struct exchange *x, unsigned status, struct error *err)
{
    struct MHD_Response *r =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);

    if (r && status == MHD_HTTP_CREATED)
        MHD_add_response_header(r, MHD_HTTP_HEADER_LOCATION, x->target);
    return exchange_reply(x, status, 0, r, err);
}

static int finish_put(struct exchange *x, struct error *err)
{
    struct transfer *t = x->job;
    int rc = transfer_commit(t, NULL, err);

    if (rc == ERR_CHECKSUM) { /* 460 is for tus */
        err->code = ERR_DIGEST;
        return ERR_DIGEST;
    }
    if (rc)
        return rc;
    return reply_empty(x, t->replaces ? MHD_HTTP_NO_CONTENT : MHD_HTTP_CREATED,
                       err);
}

static ssize_t read_nothing(void *ctx, uint64_t at, char *dst, size_t max)
{
    (void)ctx;
    (void)at;
    (void)dst;
    (void)max;
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* The length, which is all that HEAD tells. */
static int reply_head(struct exchange *x, const struct uploads_file *f,
                      struct error *err)
{
    struct MHD_Response *r = MHD_create_response_from_callback(
        f->length, 1024, read_nothing, NULL, NULL);

    if (r)
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE,
                                "application/octet-stream");
    return exchange_reply(x, MHD_HTTP_OK, f->length, r, err);
}

int upload_files_finish(struct exchange *x, struct error *err)
{
    struct uploads *u = x->service->uploads;
    struct uploads_file f = { .path = NULL };
    int rc;

    if (x->method == METHOD_PUT)
        return finish_put(x, err);
    rc = uploads_find(u, exchange_param(x, "id"), exchange_param(x, "path"), &f,
                      err);
    if (rc)
        return rc;
    if (x->method == METHOD_HEAD) {
        rc = reply_head(x, &f, err);
    } else {
        rc = uploads_delete_file(u, f.id, err);
        if (!rc)
            rc = reply_empty(x, MHD_HTTP_NO_CONTENT, err);
    }
    uploads_file_done(&f);
    return rc;
}
