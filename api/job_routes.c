/*
 * /v1/conversions: conversions that run by themselves.
 *
 * A request is small JSON; it is kept in canonical form, as a job. Everything
 * that takes time happens in a worker; a client asks, waits, or listens.
 */
#include "jobs/jobs.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/num.h"
#include "inputs.h"
#include "job_json.h"
#include "page.h"
#include "routes.h"

enum { REQUEST_MAX = 9 << 20, WAIT_MAX = 60, RETRY_SECONDS = 1 };

struct submission {
    struct buf body;
};

int job_routes_begin(struct exchange *x, struct error *err)
{
    const char *type = exchange_header(x, MHD_HTTP_HEADER_CONTENT_TYPE);
    struct submission *s;

    if (x->method != METHOD_POST)
        return 0;
    if (!type || strncmp(type, "application/json", 16) != 0) {
        error_set(err, ERR_MEDIA_TYPE, "a conversion is asked for in JSON");
        error_expected(err, "application/json");
        return error_hint(err, "send the checkpoint to /v1/uploads first, or "
                               "to /v1/convert for an answer at once");
    }
    if (x->service->draining)
        return error_set(err, ERR_BUSY, "the service is shutting down");
    s = calloc(1, sizeof *s);
    if (!s)
        return error_memory(err);
    s->body = BUF_INIT(REQUEST_MAX);
    x->job = s;
    return 0;
}

int job_routes_body(struct exchange *x, const void *data, size_t len,
                    struct error *err)
{
    struct submission *s = x->job;

    buf_append(&s->body, data, len);
    return buf_status(&s->body, err);
}

void job_routes_close(struct exchange *x)
{
    struct submission *s = x->job;

    buf_done(&s->body);
    free(s);
    x->job = NULL;
}

/* The canonical request, and without its model what its key is made of. */
static int canonical(json_t *request, char **text, char **options,
                     struct error *err)
{
    json_t *copy = json_copy(request);

    *text = json_dumps(request, JSON_SORT_KEYS | JSON_COMPACT);
    if (copy) {
        json_object_del(copy, "model");
        *options = json_dumps(copy, JSON_SORT_KEYS | JSON_COMPACT);
    }
    json_decref(copy);
    return *text && copy && *options ? 0 : error_memory(err);
}

/* "uploads/ID" where the request names no model. */
static int name_model(json_t *request, struct error *err)
{
    const char *checkpoint =
        json_string_value(json_object_get(request, "checkpoint"));
    char name[STORED_NAME_MAX + 1];

    if (json_object_get(request, "model"))
        return 0;
    snprintf(name, sizeof name, "uploads/%.80s", strchr(checkpoint, ':') + 1);
    if (json_object_set_new(request, "model", json_string(name)) != 0)
        return error_memory(err);
    return stored_check_name(name, err);
}

static int submit(struct exchange *x, json_t *request, struct job **out,
                  bool *created, struct error *err)
{
    struct service *s = x->service;
    struct buf identity = BUF_INIT(4096);
    char *text = NULL;
    char *options = NULL;
    char key[65];
    struct job_submission what = { .key = key };
    int rc = inputs_check(s, request, err);

    if (!rc)
        rc = name_model(request, err);
    if (!rc)
        rc = canonical(request, &text, &options, err);
    if (!rc)
        rc = inputs_identity(s, request, &identity, err);
    if (!rc)
        rc = job_key(buf_str(&identity), options, key, err);
    if (!rc) {
        what.model = json_string_value(json_object_get(request, "model"));
        what.request = text;
        what.idempotency_key = exchange_header(x, "Idempotency-Key");
        what.fingerprint = key;
        rc = worker_submit(s->worker, &what, out, created, err);
    }
    buf_done(&identity);
    free(text);
    free(options);
    return rc;
}

static int reply_job(struct exchange *x, unsigned status, const struct job *job,
                     const struct job_progress *progress, struct error *err)
{
    struct buf json = BUF_INIT(REQUEST_MAX * 2);
    struct json_writer w = JSON_WRITER(&json, JSON_STYLE_COMPACT);
    struct MHD_Response *r;
    char text[80];
    int rc;

    job_json(&w, job, progress);
    rc = buf_status(&json, err);
    if (rc) {
        buf_done(&json);
        return rc;
    }
    r = MHD_create_response_from_buffer(json.len, json.data,
                                        MHD_RESPMEM_MUST_COPY);
    if (r)
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE,
                                "application/json");
    if (r && status == MHD_HTTP_ACCEPTED) {
        snprintf(text, sizeof text, "/v1/conversions/%s", job->id);
        MHD_add_response_header(r, MHD_HTTP_HEADER_LOCATION, text);
    }
    if (!job_ended(job->state))
        x->retry_after = RETRY_SECONDS;
    if (r && x->retry_after) {
        snprintf(text, sizeof text, "%u", x->retry_after);
        MHD_add_response_header(r, MHD_HTTP_HEADER_RETRY_AFTER, text);
    }
    rc = exchange_reply(x, status, json.len, r, err);
    buf_done(&json);
    return rc;
}

static int create(struct exchange *x, struct error *err)
{
    struct submission *s = x->job;
    struct job *job = NULL;
    json_t *request = NULL;
    bool created = false;
    int rc = json_read(s->body.data ? (void *)s->body.data : "", s->body.len,
                       "the request", ERR_USAGE, &request, err);

    if (!rc)
        rc = submit(x, request, &job, &created, err);
    if (!rc)
        rc = reply_job(x, MHD_HTTP_ACCEPTED, job, NULL, err);
    job_unref(job);
    json_decref(request);
    return rc;
}

static int read_filter(const struct exchange *x, const struct page *p,
                       struct job_filter *f, struct error *err)
{
    const char *state = exchange_query(x, "state");

    *f = (struct job_filter){ .state = -1,
                              .model = exchange_query(x, "model"),
                              .after = *p->after ? p->after : NULL,
                              .limit = p->limit + 1 };
    if (!state)
        return 0;
    f->state = job_state_find(state);
    if (f->state >= 0)
        return 0;
    error_set(err, ERR_USAGE, "state cannot be '%.64s'", state);
    return error_subject(err, "state");
}

static int list(struct exchange *x, struct error *err)
{
    struct job_list jobs = { NULL, 0 };
    struct job_filter f;
    struct page p;
    int rc = page_open(x, "conversions", &p, err);

    if (!rc)
        rc = read_filter(x, &p, &f, err);
    if (!rc)
        rc = jobs_list(x->service->jobs, &f, &jobs, err);
    if (rc) {
        page_done(&p);
        return rc;
    }
    for (size_t i = 0; i < jobs.count; i++)
        if (page_take(&p, jobs.items[i]->id))
            job_json(&p.w, jobs.items[i], NULL);
    jobs_list_done(&jobs);
    return page_reply(x, &p, err);
}

int job_routes_finish_all(struct exchange *x, struct error *err)
{
    return x->method == METHOD_POST ? create(x, err) : list(x, err);
}

/* Waits as long as the query says for the job's end. */
static int wait_for_end(struct exchange *x, uint64_t seconds, struct job **job,
                        struct job_progress *progress, struct error *err)
{
    const char *id = exchange_param(x, "id");
    time_t end = time(NULL) + (time_t)seconds;
    struct job *next;
    int rc = 0;

    while (!rc && !job_ended((*job)->state) && time(NULL) < end &&
           !x->service->draining) {
        rc = jobs_wait(x->service->jobs, id, (*job)->version, UINT64_MAX, 500,
                       &next, progress, err);
        if (!rc) {
            job_unref(*job);
            *job = next;
        }
    }
    return rc;
}

static int show(struct exchange *x, struct error *err)
{
    const char *wait = exchange_query(x, "wait");
    struct job_progress progress;
    struct job *job = NULL;
    uint64_t seconds = 0;
    int rc =
        wait ? num_parse_uint("wait", wait, 0, WAIT_MAX, &seconds, err) : 0;

    if (!rc)
        rc = jobs_get(x->service->jobs, exchange_param(x, "id"), &job,
                      &progress, err);
    if (!rc)
        rc = wait_for_end(x, seconds, &job, &progress, err);
    if (!rc)
        rc = reply_job(x, MHD_HTTP_OK, job, &progress, err);
    job_unref(job);
    return rc;
}

/* A live job is cancelled, an ended one forgotten. */
static int end(struct exchange *x, struct error *err)
{
    const char *id = exchange_param(x, "id");
    struct job *job = NULL;
    int rc = jobs_remove(x->service->jobs, id, err);

    if (!rc)
        return exchange_reply(
            x, MHD_HTTP_NO_CONTENT, 0,
            MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT),
            err);
    if (rc != ERR_JOB_STATE)
        return rc;
    rc = jobs_cancel(x->service->jobs, id, &job, err);
    if (!rc)
        rc = reply_job(x, MHD_HTTP_ACCEPTED, job, NULL, err);
    job_unref(job);
    return rc;
}

int job_routes_finish_one(struct exchange *x, struct error *err)
{
    return x->method == METHOD_DELETE ? end(x, err) : show(x, err);
}
