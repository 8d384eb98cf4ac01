/*
 * POST /v1/conversions: a job is asked for.
 *
 * The request is small JSON that names uploads, or its body is the checkpoint
 * itself, as /v1/convert takes it. Such a body is unpacked while it comes and
 * becomes an upload that lives as long as its job; its options, gin file and
 * config become the same JSON. So there is one kind of job, kept as canonical
 * JSON, and everything that takes time happens in a worker.
 *
 * What a request names is held before its job is queued. A repeated request
 * (Idempotency-Key) is recognized by its text alone, before anything that it
 * names is looked at, since that may be gone by then.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/json.h"
#include "body.h"
#include "holds.h"
#include "inputs.h"
#include "job_json.h"
#include "routes.h"

enum { SOURCE_DIGITS = 16 };

struct submission {
    json_t *request;
    struct buf text;  /* the request as JSON came */
    struct body body; /* or a checkpoint */
    bool is_body;
    struct hold *hold;
    char *canonical;
    char *options; /* the part that a result's key is made of */
    char fingerprint[SHA256_HEX + 1];
    char key[SHA256_HEX + 1];
};

static int set_option(void *ctx, const char *name, const char *value,
                      struct error *err)
{
    return inputs_set(((struct submission *)ctx)->request, name, value, err);
}

/* Refuses a long body that would come in vain. */
static int check_queue(const struct exchange *x, struct error *err)
{
    uint64_t limit = x->service->settings->jobs_queued;
    uint64_t counts[JOB_STATES];

    jobs_count(x->service->jobs, counts);
    if (!limit || counts[JOB_QUEUED] < limit ||
        exchange_header(x, "Idempotency-Key"))
        return 0;
    error_set(err, ERR_QUEUE_FULL, "%llu jobs are waiting already",
              (unsigned long long)limit);
    return error_hint(err, "try again later");
}

static enum MHD_Result refuse_argument(void *ctx, enum MHD_ValueKind kind,
                                       const char *name, const char *value)
{
    struct error *err = ctx;

    (void)kind;
    (void)value;
    error_set(err, ERR_USAGE, "an option stands beside a request in JSON");
    error_subject(err, "%.100s", name);
    error_hint(err, "options are members of the JSON");
    return MHD_NO;
}

/* What would be ignored otherwise, and missed only in the result. */
static int check_query(const struct exchange *x, struct error *err)
{
    err->code = ERR_OK;
    MHD_get_connection_values(x->connection, MHD_GET_ARGUMENT_KIND,
                              refuse_argument, err);
    return (int)err->code;
}

int job_submit_begin(struct exchange *x, struct error *err)
{
    struct submission *s;
    int rc;

    if (x->method != METHOD_POST)
        return 0;
    if (x->service->draining)
        return error_set(err, ERR_BUSY, "the service is shutting down");
    s = calloc(1, sizeof *s);
    if (!s)
        return error_memory(err);
    x->job = s;
    s->text = BUF_INIT(INPUTS_MAX);
    if (inputs_is_json(exchange_header(x, MHD_HTTP_HEADER_CONTENT_TYPE)))
        return check_query(x, err);
    s->is_body = true;
    s->request = json_object();
    if (!s->request)
        return error_memory(err);
    rc = check_queue(x, err);
    return rc ? rc : body_begin(&s->body, x, true, set_option, s, err);
}

int job_submit_body(struct exchange *x, const void *data, size_t len,
                    struct error *err)
{
    struct submission *s = x->job;

    if (s->is_body)
        return body_feed(&s->body, data, len, err);
    buf_append(&s->text, data, len);
    return buf_status(&s->text, err);
}

void job_submit_close(struct exchange *x)
{
    struct submission *s = x->job;

    holds_drop(x->service->holds, s->hold);
    body_done(&s->body);
    buf_done(&s->text);
    json_decref(s->request);
    free(s->canonical);
    free(s->options);
    free(s);
    x->job = NULL;
}

/* A model's name where the request has none: prefix and what identifies it. */
static int name_model(struct submission *s, const char *prefix, const char *id,
                      struct error *err)
{
    char name[STORED_NAME_MAX + 1];

    if (json_object_get(s->request, "model"))
        return 0;
    snprintf(name, sizeof name, "%s/%.64s", prefix, id);
    if (json_object_set_new(s->request, "model", json_string(name)) != 0)
        return error_memory(err);
    return stored_check_name(name, err);
}

/* JSON of the request without two of its members; NULL: no memory. */
static char *without(json_t *request, const char *a, const char *b)
{
    json_t *copy = json_copy(request);
    char *text;

    if (!copy)
        return NULL;
    json_object_del(copy, a);
    json_object_del(copy, b);
    text = json_dumps(copy, JSON_SORT_KEYS | JSON_COMPACT);
    json_decref(copy);
    return text;
}

/* The request's own texts: what is kept, what is shared, what is repeated. */
static int write_texts(struct submission *s, struct error *err)
{
    s->canonical = json_dumps(s->request, JSON_SORT_KEYS | JSON_COMPACT);
    s->options = without(s->request, "model", "checkpoint");
    if (!s->canonical || !s->options)
        return error_memory(err);
    if (strlen(s->canonical) <= INPUTS_MAX)
        return 0;
    error_set(err, ERR_LIMIT, "the request is too large");
    error_actual(err, "%zu bytes as JSON", strlen(s->canonical));
    return error_expected(err, "at most %d", INPUTS_MAX);
}

/* What a request that is sent again has in common with the first one. */
static int take_fingerprint(struct submission *s, struct error *err)
{
    char *rest = without(s->request, "checkpoint", "");
    const char *checkpoint =
        json_string_value(json_object_get(s->request, "checkpoint"));
    int rc = rest ? job_key(s->is_body ? s->body.totals.digest : checkpoint,
                            rest, s->fingerprint, err)
                  : error_memory(err);

    free(rest);
    return rc;
}

static int read_json(struct submission *s, struct error *err)
{
    const char *checkpoint;
    char key[SHA256_HEX + 1];
    int rc = json_read(s->text.data ? (void *)s->text.data : "", s->text.len,
                       "the request", ERR_USAGE, &s->request, err);

    if (!rc)
        rc = inputs_check_form(s->request, err);
    if (rc)
        return rc;
    checkpoint = json_string_value(json_object_get(s->request, "checkpoint"));
    if (!sources_is(checkpoint))
        return name_model(s, "uploads", strchr(checkpoint, ':') + 1, err);
    rc = job_key(checkpoint, "", key, err);
    key[SOURCE_DIGITS] = '\0'; /* enough to tell sources apart */
    return rc ? rc : name_model(s, "sources", key, err);
}

/* The gin file or config of a form, as a member of the request. */
static int state(struct submission *s, const char *member, const struct buf *b,
                 struct error *err)
{
    json_t *text = json_stringn(b->data ? (const char *)b->data : "", b->len);

    if (text && !memchr(json_string_value(text), '\0', b->len))
        return json_object_set_new(s->request, member, text) == 0
                   ? 0
                   : error_memory(err);
    json_decref(text);
    error_set(err, ERR_USAGE, "%s is not a text in UTF-8", member);
    return error_subject(err, "%s", member);
}

static int read_body(struct submission *s, struct error *err)
{
    const struct request *r = &s->body.request;
    int rc = body_finish(&s->body, err);

    if (!rc && r->gin_name)
        rc = state(s, "gin", &r->gin, err);
    if (!rc && r->config_name)
        rc = state(s, "config", &r->config, err);
    if (!rc)
        rc = name_model(s, "uploads", s->body.totals.digest, err);
    return rc;
}

/* The body becomes an upload, which the request then names. */
static int adopt(struct submission *s, struct service *service,
                 struct error *err)
{
    const struct uploads_adoption what = { .folder = s->body.in,
                                           .bytes = s->body.totals.bytes,
                                           .digest = s->body.totals.digest };
    char id[UPLOADS_ID_MAX + 1];
    char name[UPLOADS_ID_MAX + 10];
    int rc = uploads_adopt(service->uploads, &what, id, err);

    if (rc)
        return rc;
    snprintf(name, sizeof name, "upload:%s", id);
    if (json_object_set_new(s->request, "checkpoint", json_string(name)) != 0)
        rc = error_memory(err);
    if (!rc)
        rc = holds_take(service->holds, s->request, &s->hold, err);
    uploads_release(service->uploads, id);
    return rc;
}

/* The job of an earlier request with this Idempotency-Key; NULL if none. */
static int find_repeated(struct submission *s, const struct exchange *x,
                         struct job **out, struct error *err)
{
    const char *key = exchange_header(x, "Idempotency-Key");
    int rc = take_fingerprint(s, err);

    if (rc || !key)
        return rc;
    return jobs_find_request(x->service->jobs, key, s->fingerprint, out, err);
}

/* Since 1970. */
static uint64_t milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int queue(struct submission *s, struct exchange *x, struct job **out,
                 struct error *err)
{
    struct service *service = x->service;
    struct buf identity = BUF_INIT(4096);
    char id[JOB_ID_LEN + 1];
    struct job_submission what = { .id = id,
                                   .key = s->key,
                                   .fingerprint = s->fingerprint };
    bool created = false;
    int rc = s->is_body ? adopt(s, service, err) : 0;

    if (!rc)
        rc = inputs_check(service, s->request, err);
    if (!rc && !s->hold)
        rc = holds_take(service->holds, s->request, &s->hold, err);
    if (!rc)
        rc = write_texts(s, err);
    if (!rc)
        rc = inputs_identity(service, s->request, &identity, err);
    if (!rc)
        rc = job_key(buf_str(&identity), s->options, s->key, err);
    if (!rc)
        rc = job_new_id(milliseconds(), id, err);
    if (!rc) {
        sources_note_trace(service->sources, s->key, &x->trace);
        holds_give_steal(service->holds, id, s->hold);
        s->hold = NULL;
        what.model = json_string_value(json_object_get(s->request, "model"));
        what.request = s->canonical;
        what.idempotency_key = exchange_header(x, "Idempotency-Key");
        rc = worker_submit(service->worker, &what, out, &created, err);
        if (rc || !created)
            holds_end(service->holds, id);
    }
    buf_done(&identity);
    return rc;
}

int job_submit_finish(struct exchange *x, struct error *err)
{
    struct submission *s = x->job;
    struct job *job = NULL;
    int rc = s->is_body ? read_body(s, err) : read_json(s, err);

    if (!rc)
        rc = find_repeated(s, x, &job, err);
    if (!rc && !job)
        rc = queue(s, x, &job, err);
    if (!rc)
        rc = job_json_reply(x, MHD_HTTP_ACCEPTED, job, NULL, err);
    job_unref(job);
    return rc;
}
