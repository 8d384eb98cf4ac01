/*
 * Jobs as JSON: what was asked for, how far it is, what came of it.
 */
#include "job_json.h"

#include <stdio.h>
#include <string.h>

#include "exchange.h"
#include "inputs.h"
#include "jobs/job_request.h"

enum { JOB_JSON_MAX = 2 * INPUTS_MAX, RETRY_SECONDS = 1 };

/* Text that is JSON already, as the record keeps it; null if there is none. */
static void put_document(struct json_writer *w, const char *key,
                         const char *text)
{
    json_key(w, key);
    json_raw(w, text ? text : "null");
}

static void put_progress(struct json_writer *w, const struct job_progress *p)
{
    json_key(w, "progress");
    json_open(w, '{');
    json_key_u64(w, "bytes_done", p->bytes_done);
    json_key_u64(w, "bytes_total", p->bytes_total);
    json_key_u64(w, "tensors_done", p->tensors_done);
    json_key_u64(w, "tensors_total", p->tensors_total);
    json_key_u64(w, "bytes_per_second", p->rate);
    json_key(w, "seconds_left");
    if (p->remaining_ms)
        json_double(w, (double)p->remaining_ms / 1000);
    else
        json_nul(w);
    json_close(w, '}');
}

static void put_link(struct json_writer *w, const char *key, const char *format,
                     const char *name)
{
    char text[200];

    snprintf(text, sizeof text, "%s%s", format, name);
    json_key_str(w, key, text);
}

void job_json(struct json_writer *w, const struct job *job,
              const struct job_progress *progress)
{
    char events[64];

    snprintf(events, sizeof events, "%s/events", job->id);
    json_open(w, '{');
    json_key_str(w, "id", job->id);
    json_key_str(w, "state", job_state_name(job->state));
    json_key_text(w, "model", job->model);
    json_key_text(w, "revision", job->revision);
    job_request_write(w, job->request);
    json_key_u64(w, "attempts", job->attempts);
    json_key_time(w, "created", job->created);
    json_key_time(w, "started", job->started);
    json_key_time(w, "finished", job->finished);
    if (progress)
        put_progress(w, progress);
    put_document(w, "problem", job->problem);
    put_document(w, "report", job->report);
    json_key(w, "links");
    json_open(w, '{');
    put_link(w, "self", "/v1/conversions/", job->id);
    put_link(w, "events", "/v1/conversions/", events);
    if (job->state == JOB_SUCCEEDED && job->model)
        put_link(w, "model", "/v1/models/", job->model);
    json_close(w, '}');
    json_close(w, '}');
}

int job_json_reply(struct exchange *x, unsigned status, const struct job *job,
                   const struct job_progress *progress, struct error *err)
{
    struct buf json = BUF_INIT(JOB_JSON_MAX);
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
