/*
 * tus 1.0: creation (with upload, with deferred length), termination, checksum,
 * expiration, concatenation.
 *
 * Headers are read here, and answered; all that matters happens in uploads/.
 * An offset is told only after the bytes before it are on the disk. A request
 * that creates a file and sends its first bytes creates it at its head, so that
 * the bytes have a place, and takes it back if it can't say where that is.
 */
#include "resumable.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/num.h"
#include "transfer.h"
#include "uploads/tus.h"

#define BODY_TYPE "application/offset+octet-stream"

enum { URL_MAX = 100, DATE_MAX = 40 };

bool resumable_is_tus(const struct exchange *x)
{
    return exchange_header(x, "Tus-Resumable") != NULL;
}

int resumable_check(const struct exchange *x, struct error *err)
{
    const char *version = exchange_header(x, "Tus-Resumable");
    bool only_tus = x->method == METHOD_POST || x->method == METHOD_PATCH;

    if (version ? !strcmp(version, TUS_VERSION) : !only_tus)
        return 0;
    error_set(err, ERR_TUS_VERSION, "the request is not one of tus %s",
              TUS_VERSION);
    error_expected(err, "Tus-Resumable: %s", TUS_VERSION);
    return version ? error_actual(err, "%.40s", version)
                   : error_hint(err, "to send a file without tus, PUT it to "
                                     "/v1/uploads/ID/files/PATH");
}

static void add_number(struct MHD_Response *r, const char *name, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    MHD_add_response_header(r, name, text);
}

void resumable_headers(const struct exchange *x, struct MHD_Response *r)
{
    uint64_t max = x->service->settings->max_upload;
    bool asks = x->method == METHOD_OPTIONS;

    if (asks || resumable_is_tus(x) || x->err.code == ERR_TUS_VERSION)
        MHD_add_response_header(r, "Tus-Resumable", TUS_VERSION);
    if (asks || x->err.code == ERR_TUS_VERSION)
        MHD_add_response_header(r, "Tus-Version", TUS_VERSION);
    if (!asks)
        return;
    MHD_add_response_header(r, "Tus-Extension", TUS_EXTENSIONS);
    MHD_add_response_header(r, "Tus-Checksum-Algorithm", CHECKSUM_ALGORITHMS);
    if (max)
        add_number(r, "Tus-Max-Size", max);
}

/* As tus wants it: only while there is something to go on with. */
static void add_expires(struct MHD_Response *r, const struct uploads_file *f)
{
    time_t at = (time_t)f->expires;
    char text[DATE_MAX];
    struct tm utc;

    if (f->complete || !at || !gmtime_r(&at, &utc))
        return;
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    MHD_add_response_header(r, "Upload-Expires", text);
}

static struct MHD_Response *empty_response(void)
{
    return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
}

static int check_type(const struct exchange *x, struct error *err)
{
    static const char wanted[] = BODY_TYPE;
    const char *type = exchange_header(x, MHD_HTTP_HEADER_CONTENT_TYPE);
    size_t len = type ? strcspn(type, "; ") : 0;

    if (len == sizeof wanted - 1 && !strncasecmp(type, wanted, len))
        return 0;
    error_set(err, ERR_MEDIA_TYPE, "the body is not one of tus");
    error_actual(err, "%.100s", type ? type : "no Content-Type");
    return error_expected(err, "%s", wanted);
}

/* Upload-Checksum, if there is one. */
static int read_checksum(const struct exchange *x, struct checksum *sum,
                         struct error *err)
{
    const char *header = exchange_header(x, "Upload-Checksum");

    *sum = (struct checksum){ .algorithm = NULL };
    return header ? checksum_parse_tus(header, sum, err) : 0;
}

/* Upload-Length or Upload-Defer-Length: one of them, and not with final. */
static int read_length(const struct exchange *x, bool final, uint64_t *length,
                       struct error *err)
{
    const char *text = exchange_header(x, "Upload-Length");
    const char *defer = exchange_header(x, "Upload-Defer-Length");

    *length = UPLOADS_UNKNOWN;
    if (defer && strcmp(defer, "1") != 0)
        return error_set(err, ERR_USAGE, "Upload-Defer-Length is not 1");
    if (final && (text || defer))
        return error_set(err, ERR_USAGE,
                         "a final upload has the length of its parts");
    if (!final && !text == !defer)
        return error_set(err, ERR_USAGE,
                         "either Upload-Length or Upload-Defer-Length: 1 is "
                         "needed");
    return text ? tus_parse_number("Upload-Length", text, length, err) : 0;
}

/* Creates what the head asks for. */
static int create(const struct exchange *x, struct uploads_file *out,
                  struct error *err)
{
    const char *header = exchange_header(x, "Upload-Concat");
    struct uploads *u = x->service->uploads;
    struct uploads_new what = { .metadata =
                                    exchange_header(x, "Upload-Metadata") };
    struct tus_concat concat = { .ids = NULL };
    struct tus_metadata meta;
    int rc = tus_parse_metadata(what.metadata, &meta, err);

    if (!rc && header)
        rc = tus_parse_concat(header, &concat, err);
    if (!rc)
        rc = read_length(x, concat.count > 0, &what.length, err);
    if (!rc && concat.count > 0 && transfer_length(x) > 0)
        rc = error_set(err, ERR_USAGE, "a final upload has no bytes itself");
    if (!rc) {
        what.upload = tus_metadata_get(&meta, "upload");
        what.path = tus_metadata_path(&meta);
        what.partial = concat.partial;
        rc = concat.count > 0 ? uploads_concat(u, &what, concat.ids,
                                               concat.count, header, out, err)
                              : uploads_create(u, &what, out, err);
    }
    tus_concat_done(&concat);
    return rc;
}

int resumable_begin_create(struct exchange *x, struct error *err)
{
    struct transfer *t = NULL;
    struct checksum sum;
    int rc = transfer_new(x, &t, err);

    if (rc || transfer_length(x) == 0)
        return rc;
    rc = check_type(x, err);
    if (!rc)
        rc = read_checksum(x, &sum, err);
    if (!rc)
        rc = create(x, &t->file, err);
    if (rc)
        return rc;
    t->made = true;
    return uploads_append_begin(x->service->uploads, t->file.id, 0,
                                transfer_length(x), &sum, &t->append, err);
}

static int reply_created(struct exchange *x, const struct uploads_file *f,
                         struct error *err)
{
    struct MHD_Response *r = empty_response();
    char url[URL_MAX];

    if (r) {
        snprintf(url, sizeof url, "/v1/uploads/%s", f->id);
        MHD_add_response_header(r, MHD_HTTP_HEADER_LOCATION, url);
        add_number(r, "Upload-Offset", f->offset);
        add_expires(r, f);
    }
    return exchange_reply(x, MHD_HTTP_CREATED, 0, r, err);
}

int resumable_create(struct exchange *x, struct error *err)
{
    struct uploads_file f = { .path = NULL };
    struct transfer *t = x->job;
    int rc = t->append ? transfer_commit(t, &f, err) : create(x, &f, err);

    if (!rc)
        rc = reply_created(x, &f, err);
    if (!rc)
        t->made = false;
    uploads_file_done(&f);
    return rc;
}

static int read_offset(const struct exchange *x, uint64_t *offset,
                       struct error *err)
{
    const char *text = exchange_header(x, "Upload-Offset");

    if (text)
        return tus_parse_number("Upload-Offset", text, offset, err);
    error_set(err, ERR_USAGE, "Upload-Offset is missing");
    return error_hint(err, "ask for the offset with HEAD");
}

/* Upload-Length in a PATCH: what the file was created without. */
static int tell_length(const struct exchange *x, struct uploads_file *f,
                       uint64_t offset, struct error *err)
{
    const char *text = exchange_header(x, "Upload-Length");
    uint64_t length;
    int rc;

    if (!text || offset != f->offset)
        return 0;
    rc = tus_parse_number("Upload-Length", text, &length, err);
    if (!rc)
        rc = uploads_set_length(x->service->uploads, f->id, length, err);
    if (rc)
        return rc;
    f->length = length;
    f->complete = f->offset == length;
    return 0;
}

int resumable_begin_append(struct exchange *x, struct error *err)
{
    struct uploads *u = x->service->uploads;
    struct transfer *t = NULL;
    struct checksum sum;
    uint64_t offset = 0;
    int rc = transfer_new(x, &t, err);

    if (!rc)
        rc = check_type(x, err);
    if (!rc)
        rc = read_offset(x, &offset, err);
    if (!rc)
        rc = read_checksum(x, &sum, err);
    if (!rc)
        rc = uploads_head(u, exchange_param(x, "id"), &t->file, err);
    if (!rc && t->file.concat)
        rc = error_set(err, ERR_FORBIDDEN,
                       "a final upload takes no bytes itself");
    if (!rc)
        rc = tell_length(x, &t->file, offset, err);
    if (rc)
        return rc;
    /* Nothing more for what is complete: a client that makes sure, or that
     * only told the length. */
    if (t->file.complete && offset == t->file.offset && !transfer_length(x))
        return 0;
    return uploads_append_begin(u, t->file.id, offset, transfer_length(x), &sum,
                                &t->append, err);
}

int resumable_append(struct exchange *x, struct error *err)
{
    struct transfer *t = x->job;
    struct uploads_file f = { .path = NULL };
    struct MHD_Response *r;
    int rc = t->append ? transfer_commit(t, &f, err)
                       : uploads_head(x->service->uploads, t->file.id, &f, err);

    if (rc)
        return rc;
    r = empty_response();
    if (r) {
        add_number(r, "Upload-Offset", f.offset);
        add_expires(r, &f);
    }
    uploads_file_done(&f);
    return exchange_reply(x, MHD_HTTP_NO_CONTENT, 0, r, err);
}

int resumable_head(struct exchange *x, struct error *err)
{
    struct uploads_file f = { .path = NULL };
    struct MHD_Response *r;
    int rc =
        uploads_head(x->service->uploads, exchange_param(x, "id"), &f, err);

    if (rc)
        return rc;
    r = empty_response();
    if (r) {
        add_number(r, "Upload-Offset", f.offset);
        if (f.length == UPLOADS_UNKNOWN)
            MHD_add_response_header(r, "Upload-Defer-Length", "1");
        else
            add_number(r, "Upload-Length", f.length);
        if (f.metadata)
            MHD_add_response_header(r, "Upload-Metadata", f.metadata);
        if (f.partial || f.concat)
            MHD_add_response_header(r, "Upload-Concat",
                                    f.partial ? "partial" : f.concat);
        add_expires(r, &f);
    }
    uploads_file_done(&f);
    return exchange_reply(x, MHD_HTTP_OK, 0, r, err);
}

int resumable_delete(struct exchange *x, struct error *err)
{
    int rc =
        uploads_delete_file(x->service->uploads, exchange_param(x, "id"), err);

    return rc ? rc
              : exchange_reply(x, MHD_HTTP_NO_CONTENT, 0, empty_response(),
                               err);
}
