/*
 * From a checkpoint somewhere to the connection.
 *
 * The plan is made of metadata, so the reply's length is known and its first
 * byte leaves before a weight is read; stream.h makes the rest as
 * libmicrohttpd asks for it, in the connection's own thread. A reply holds its
 * place among the conversions that run at once until it ends.
 *
 * The ETag of a file is a digest of the plan and of what identifies the source:
 * it is known before the content is.
 */
#include "streaming.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "conversion.h"
#include "fingerprint.h"
#include "inputs.h"
#include "ranges.h"
#include "stream_tar.h"

enum {
    PIECE = 512 << 10,
    PLAN_JSON_MAX = 1 << 30,
    IDENTITY_MAX = 1 << 20,
    ETAG_MAX = SHA256_HEX + 3,
};

struct streaming {
    struct exchange *exchange;
    struct buf text;
    json_t *request;
    char *file; /* the one that is wanted; NULL: all as tar */
    struct worker_input in;
    struct conversion conversion;
    struct convert_progress progress; /* for its cancel */
    bool inside;                      /* of the gate */
    struct stream *stream;
    struct stream_tar *tar;
    size_t number; /* of the file in the plan */
    uint64_t from; /* where in the file the reply begins */
    uint64_t size; /* of the file */
};

int streaming_new(struct exchange *x, struct streaming **out, struct error *err)
{
    struct streaming *s = calloc(1, sizeof *s);

    if (!s)
        return error_memory(err);
    s->exchange = x;
    s->text = BUF_INIT(INPUTS_MAX);
    request_init(&s->in.request);
    *out = s;
    return 0;
}

int streaming_feed(struct streaming *s, const void *data, size_t len,
                   struct error *err)
{
    buf_append(&s->text, data, len);
    return buf_status(&s->text, err);
}

void streaming_free(struct streaming *s)
{
    if (!s)
        return;
    stream_tar_free(s->tar);
    stream_free(s->stream);
    if (s->inside)
        gate_leave(s->exchange->service->gate);
    conversion_done(&s->conversion);
    store_free(s->in.store);
    free(s->in.folder);
    request_done(&s->in.request);
    if (s->in.held)
        inputs_release(s->exchange->service, s->in.held);
    buf_done(&s->text);
    json_decref(s->request);
    free(s->file);
    free(s);
}

/* ---- what is asked for ---- */

static int refuse_member(const char *member, struct error *err)
{
    error_set(err, ERR_USAGE, "%s does not go with a model that is not stored",
              member);
    return error_subject(err, "%s", member);
}

struct query {
    struct streaming *streaming;
    struct error *err;
    int rc;
};

/* Options may be in the query as well; a file's name is only there. */
static enum MHD_Result take_argument(void *ctx, enum MHD_ValueKind kind,
                                     const char *name, const char *value)
{
    struct query *q = ctx;
    struct streaming *s = q->streaming;

    (void)kind;
    if (!value)
        value = "";
    if (json_object_get(s->request, name) ||
        (s->file && !strcmp(name, "file"))) {
        error_set(q->err, ERR_USAGE, "%.64s is given twice", name);
        q->rc = error_subject(q->err, "%.64s", name);
    } else if (strcmp(name, "file") != 0) {
        q->rc = inputs_set(s->request, name, value, q->err);
    } else {
        s->file = strdup(value);
        q->rc = s->file ? 0 : error_memory(q->err);
    }
    return q->rc ? MHD_NO : MHD_YES;
}

static int read_request(struct streaming *s, struct error *err)
{
    struct query q = { .streaming = s, .err = err };
    int rc = json_read(s->text.data ? (void *)s->text.data : "", s->text.len,
                       "the request", ERR_USAGE, &s->request, err);

    if (!rc && !json_is_object(s->request))
        rc = error_set(err, ERR_USAGE, "the request is not a JSON object");
    if (rc)
        return rc;
    MHD_get_connection_values(s->exchange->connection, MHD_GET_ARGUMENT_KIND,
                              take_argument, &q);
    if (q.rc)
        return q.rc;
    return json_object_get(s->request, "model") ? refuse_member("model", err)
                                                : 0;
}

static int open_input(struct streaming *s, struct error *err)
{
    struct exchange *x = s->exchange;
    struct checkpoint *checkpoint = NULL;
    struct store *store;
    int rc;

    sources_note_trace(x->service->sources, x->id, &x->trace);
    rc = inputs_open(x->service, s->request, x->id, &s->progress.cancel, &s->in,
                     err);
    if (!rc && s->in.request.verify)
        rc = refuse_member("verify", err);
    if (rc)
        return rc;
    store = s->in.store;
    s->in.store = NULL;
    rc = checkpoint_open_steal(store, s->in.folder ? s->in.folder : "",
                               &checkpoint, err);
    return rc ? rc
              : conversion_plan(checkpoint, &s->in.request, &s->conversion,
                                err);
}

static int make_plan(struct streaming *s, struct error *err)
{
    struct exchange *x = s->exchange;
    int rc = read_request(s, err);

    if (rc)
        return rc;
    watch_work(x->service->watch, x->watched, &s->progress.cancel);
    rc = open_input(s, err);
    watch_reply(x->service->watch, x->watched);
    return rc;
}

int streaming_inspect(struct streaming *s, struct error *err)
{
    struct buf json = BUF_INIT(PLAN_JSON_MAX);
    int rc = make_plan(s, err);

    if (!rc && s->file) {
        error_set(err, ERR_USAGE, "a plan is not given by file");
        rc = error_subject(err, "file");
    }
    if (!rc)
        rc = plan_write_json(s->conversion.plan, &json, err);
    if (!rc)
        rc = exchange_reply_bytes(s->exchange, MHD_HTTP_OK, "application/json",
                                  json.data, json.len, err);
    buf_done(&json);
    return rc;
}

/* ---- the reply ---- */

static int open_stream(struct streaming *s, struct error *err)
{
    struct exchange *x = s->exchange;
    const struct settings *o = x->service->settings;
    const struct stream_options options = {
        .threads = (unsigned)o->threads,
        .memory = o->memory / o->jobs_at_once,
        .allow_missing_chunks = conversion_allows_missing(&s->in.request),
    };
    int rc;

    watch_work(x->service->watch, x->watched, &s->progress.cancel);
    rc = gate_enter(x->service->gate, &s->progress.cancel, err);
    watch_reply(x->service->watch, x->watched);
    if (rc)
        return rc;
    s->inside = true;
    return stream_open(s->conversion.plan, &options, &s->stream, err);
}

/* Too late for a reply that tells it: the log does, and the client sees an end
   before the announced length. */
static ssize_t cut(struct streaming *s, const struct error *err)
{
    s->exchange->err = *err;
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

static ssize_t read_tar(void *ctx, uint64_t at, char *dst, size_t max)
{
    struct streaming *s = ctx;
    struct error err;
    size_t got = 0;

    if (stream_tar_read(s->tar, at, dst, max, &got, &err))
        return cut(s, &err);
    return (ssize_t)got;
}

static ssize_t read_file(void *ctx, uint64_t at, char *dst, size_t max)
{
    struct streaming *s = ctx;
    struct error err;
    uint64_t left = s->size - (s->from + at);

    max = max < left ? max : (size_t)left;
    if (stream_read(s->stream, s->number, s->from + at, dst, max, &err))
        return cut(s, &err);
    return (ssize_t)max;
}

static struct MHD_Response *respond(uint64_t size, const char *name,
                                    const char *type,
                                    MHD_ContentReaderCallback read, void *ctx)
{
    struct MHD_Response *r =
        MHD_create_response_from_callback(size, PIECE, read, ctx, NULL);
    char text[300];

    if (!r)
        return NULL;
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    snprintf(text, sizeof text, "attachment; filename=\"%s\"", name);
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_DISPOSITION, text);
    return r;
}

static int reply_tar(struct streaming *s, struct error *err)
{
    int rc = open_stream(s, err);
    uint64_t size;

    if (!rc)
        rc = stream_tar_open(s->stream, s->conversion.plan, &s->tar, err);
    if (rc)
        return rc;
    size = stream_tar_size(s->tar);
    return exchange_reply(
        s->exchange, MHD_HTTP_OK, size,
        respond(size, "model.tar", "application/x-tar", read_tar, s), err);
}

static int find_file(struct streaming *s, struct error *err)
{
    const struct plan *p = s->conversion.plan;

    for (size_t i = 0; i < p->file_count; i++)
        if (!strcmp(p->files[i].name, s->file)) {
            s->number = i;
            s->size = p->files[i].size;
            return 0;
        }
    error_set(err, ERR_NOT_FOUND, "the model has no file '%.200s'", s->file);
    return error_subject(err, "%.200s", s->file);
}

/* Of the plan, of what identifies the source, and of the file's name. */
static int make_etag(struct streaming *s, char etag[ETAG_MAX],
                     struct error *err)
{
    struct buf identity = BUF_INIT(IDENTITY_MAX);
    char hex[SHA256_HEX + 1];
    struct sha256 *h = NULL;
    int rc = fingerprint_plan(s->conversion.plan,
                              conversion_allows_missing(&s->in.request), false,
                              hex, err);

    if (!rc)
        rc = inputs_identity(s->exchange->service, s->request, &identity, err);
    if (!rc)
        rc = sha256_new(&h, err);
    if (!rc) {
        sha256_add(h, hex, SHA256_HEX);
        sha256_add(h, s->file, strlen(s->file) + 1);
        sha256_add(h, identity.data, identity.len);
        rc = sha256_finish(h, hex, err);
    }
    if (!rc)
        snprintf(etag, ETAG_MAX, "\"%s\"", hex);
    buf_done(&identity);
    return rc;
}

/*
 * The part that is wanted: *partial is false where it is all of the file, as
 * where several ranges are asked for.
 */
static int choose_part(struct streaming *s, const char *etag,
                       struct range *part, bool *partial, struct error *err)
{
    const struct exchange *x = s->exchange;
    const char *if_range = exchange_header(x, MHD_HTTP_HEADER_IF_RANGE);
    const char *header = exchange_header(x, MHD_HTTP_HEADER_RANGE);
    struct range ranges[RANGES_MAX];
    enum ranges_result result;
    size_t count = 0;

    if (if_range && strcmp(if_range, etag) != 0)
        header = NULL;
    result = ranges_parse(header, s->size, ranges, &count);
    if (result == RANGES_NONE) {
        error_set(err, ERR_RANGE, "the range lies outside of %.100s", s->file);
        return error_expected(err, "a part of %llu bytes",
                              (unsigned long long)s->size);
    }
    *partial = result == RANGES_SOME && count == 1;
    *part = *partial ? ranges[0] : (struct range){ 0, s->size };
    return 0;
}

static const char *type_of(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot && !strcmp(dot, ".json") ? "application/json"
                                        : "application/octet-stream";
}

static int reply_file(struct streaming *s, struct error *err)
{
    char etag[ETAG_MAX];
    char text[100];
    struct range part = { 0, 0 };
    struct MHD_Response *r;
    bool partial = false;
    int rc = find_file(s, err);

    if (!rc)
        rc = make_etag(s, etag, err);
    if (!rc)
        rc = choose_part(s, etag, &part, &partial, err);
    if (!rc)
        rc = open_stream(s, err);
    if (rc)
        return rc;
    s->from = part.from;
    if (part.len > PIECE)
        stream_expect(s->stream, s->number, part.from, part.len);
    r = respond(part.len, s->file, type_of(s->file), read_file, s);
    if (r) {
        MHD_add_response_header(r, MHD_HTTP_HEADER_ETAG, etag);
        MHD_add_response_header(r, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
    }
    if (r && partial) {
        snprintf(text, sizeof text, "bytes %llu-%llu/%llu",
                 (unsigned long long)part.from,
                 (unsigned long long)(part.from + part.len - 1),
                 (unsigned long long)s->size);
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_RANGE, text);
    }
    return exchange_reply(s->exchange,
                          partial ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK,
                          part.len, r, err);
}

int streaming_convert(struct streaming *s, struct error *err)
{
    int rc = make_plan(s, err);

    if (rc)
        return rc;
    return s->file ? reply_file(s, err) : reply_tar(s, err);
}

void streaming_headers(const struct streaming *s, struct MHD_Response *r)
{
    char text[48];

    if (s->exchange->err.code != ERR_RANGE)
        return;
    snprintf(text, sizeof text, "bytes */%llu", (unsigned long long)s->size);
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_RANGE, text);
}
