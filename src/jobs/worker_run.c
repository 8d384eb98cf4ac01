/*
 * One run of a job: resolve, plan, convert, publish.
 *
 * A report is kept with the job: the request, what the source was, warnings,
 * counts, and how long it took. The model has its provenance, which does not
 * depend on who asked when.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "jobs/job_request.h"
#include "jobs/tally.h"
#include "jobs/worker_impl.h"
#include "provenance.h"

enum { REPORT_LIMIT = 8 << 20, PROVENANCE_LIMIT = 256 << 20 };

/* Begins a stage: the record says so, and the clock runs. */
static int enter(struct worker_slot *s, struct job *job, enum job_state stage,
                 uint64_t *began, struct error *err)
{
    struct job_change change = { .state = stage };

    *began = worker_now();
    if (atomic_load(&s->progress.cancel))
        return error_set(err, ERR_CANCELLED, "cancelled");
    if (stage == JOB_FETCHING)
        return 0; /* the claim has done it */
    return jobs_change(s->worker->config.jobs, job->id, job->token, &change,
                       NULL, err);
}

static void leave(struct worker_slot *s, enum job_state stage, uint64_t began,
                  struct worker_result *result)
{
    const struct worker_hooks *hooks = &s->worker->config.hooks;

    result->seconds[stage] = (double)(worker_now() - began) / 1000;
    if (hooks->stage)
        hooks->stage(hooks->ctx, stage, result->seconds[stage]);
}

static int fetch(struct worker_slot *s, struct job *job,
                 struct worker_input *in, struct worker_result *result,
                 struct error *err)
{
    const struct worker_hooks *hooks = &s->worker->config.hooks;
    uint64_t began;
    int rc = enter(s, job, JOB_FETCHING, &began, err);

    if (!rc)
        rc = hooks->resolve(hooks->ctx, job, &s->progress.cancel, in, err);
    leave(s, JOB_FETCHING, began, result);
    return rc;
}

static int plan(struct worker_slot *s, struct job *job, struct worker_input *in,
                struct conversion *c, struct worker_result *result,
                struct error *err)
{
    struct checkpoint *checkpoint = NULL;
    struct store *store = in->store;
    uint64_t began;
    int rc = enter(s, job, JOB_PLANNING, &began, err);

    if (!rc) {
        in->store = NULL;
        rc = checkpoint_open_steal(store, in->folder ? in->folder : "",
                                   &checkpoint, err);
    }
    if (!rc)
        rc = conversion_plan(checkpoint, &in->request, c, err);
    leave(s, JOB_PLANNING, began, result);
    return rc;
}

/* The sink that a stage is written through; seen by the monitor meanwhile. */
static int open_sink(struct worker_slot *s, const struct models_stage *stage,
                     const struct plan *p, struct sink **out, struct error *err)
{
    struct sink *sink = NULL;
    int rc = sink_folder_open(models_stage_path(stage), false, &sink, err);

    if (!rc)
        rc = tally_open_steal(sink, p, &sink, err);
    if (rc)
        return rc;
    pthread_mutex_lock(&s->mutex);
    s->tally = sink;
    s->tensors = p->tensor_count;
    pthread_mutex_unlock(&s->mutex);
    *out = sink;
    return 0;
}

static void close_sink(struct worker_slot *s, struct sink *sink)
{
    pthread_mutex_lock(&s->mutex);
    s->tally = NULL;
    pthread_mutex_unlock(&s->mutex);
    sink_free(sink);
}

static int convert(struct worker_slot *s, struct job *job,
                   const struct worker_input *in, const struct conversion *c,
                   struct models_stage **stage, struct convert_report *report,
                   struct worker_result *result, struct error *err)
{
    const struct worker_config *config = &s->worker->config;
    const struct convert_options o = { .threads = config->threads,
                                       .memory = config->memory,
                                       .progress = &s->progress };
    char label[JOB_ID_LEN + 32];
    struct sink *sink = NULL;
    uint64_t began;
    int rc = enter(s, job, JOB_CONVERTING, &began, err);

    snprintf(label, sizeof label, "%s-%llu", job->id,
             (unsigned long long)job->token);
    if (!rc)
        rc = models_stage(config->models, label, c->plan->bytes, stage, err);
    if (!rc)
        rc = open_sink(s, *stage, c->plan, &sink, err);
    if (!rc)
        rc = conversion_run(c, &in->request, sink, &o, report, err);
    if (sink)
        close_sink(s, sink);
    leave(s, JOB_CONVERTING, began, result);
    return rc;
}

/* ---- the report ---- */

static void write_source(struct json_writer *w, const struct checkpoint *c)
{
    json_key(w, "source");
    json_open(w, '{');
    json_key_str(w, "format", c->format);
    json_key_u64(w, "version", c->version);
    json_key(w, "step");
    if (c->step < 0)
        json_nul(w);
    else
        json_i64(w, c->step);
    json_close(w, '}');
}

static void write_warnings(struct json_writer *w, const struct conversion *c)
{
    json_key(w, "warnings");
    json_open(w, '[');
    for (size_t i = 0; i < c->checkpoint->warning_count; i++)
        json_str(w, c->checkpoint->warnings[i]);
    for (size_t i = 0; i < c->model->warning_count; i++)
        json_str(w, c->model->warnings[i]);
    json_close(w, ']');
}

static void write_stages(struct json_writer *w,
                         const struct worker_result *result)
{
    json_key(w, "seconds");
    json_open(w, '{');
    for (int i = JOB_FETCHING; i < JOB_SUCCEEDED; i++) {
        if (result->seconds[i] <= 0)
            continue;
        json_key(w, job_state_name((enum job_state)i));
        json_double(w, result->seconds[i]);
    }
    json_close(w, '}');
}

static int write_report(const struct job *job, const struct conversion *c,
                        const struct convert_report *r,
                        struct worker_result *result, struct error *err)
{
    struct json_writer w = JSON_WRITER(&result->report, JSON_STYLE_COMPACT);

    buf_clear(&result->report);
    json_open(&w, '{');
    json_key_str(&w, "job", job->id);
    if (job->key)
        json_key_str(&w, "key", job->key);
    json_key_str(&w, "program", PACKAGE_STRING);
    job_request_write(&w, job->request);
    write_source(&w, c->checkpoint);
    json_key_u64(&w, "parameters", c->model->parameters);
    json_key_u64(&w, "tensors", c->plan->tensor_count);
    json_key_u64(&w, "bytes", c->plan->bytes);
    json_key_u64(&w, "overflowed", r->overflowed);
    if (*r->overflow_tensor)
        json_key_str(&w, "overflow_tensor", r->overflow_tensor);
    json_key_u64(&w, "missing_chunks", r->missing_chunks);
    write_warnings(&w, c);
    write_stages(&w, result);
    json_close(&w, '}');
    return buf_status(&result->report, err);
}

/* With digests where the job has it verified: that reads everything again. */
static int write_provenance(const struct worker_slot *s, const struct job *job,
                            const struct worker_input *in,
                            const struct conversion *c,
                            const struct models_stage *stage,
                            const struct convert_report *report,
                            struct buf *out, struct error *err)
{
    struct provenance p = { .conversion = c,
                            .request = &in->request,
                            .report = report,
                            .job = job->id,
                            .threads = s->worker->config.threads,
                            .memory = s->worker->config.memory };
    struct existing *written = NULL;
    struct store *store = NULL;
    int rc = 0;

    if (in->request.verify)
        rc = store_local_open(models_stage_path(stage), &store, err);
    if (store)
        rc = existing_open_steal(store, "", &written, err);
    p.written = written;
    if (!rc)
        rc = provenance_write(&p, out, err);
    existing_free(written);
    return rc;
}

static int publish(struct worker_slot *s, struct job *job,
                   const struct worker_input *in, const struct conversion *c,
                   struct models_stage *stage,
                   const struct convert_report *report,
                   struct worker_result *result, struct error *err)
{
    struct models_publication p = { .name = job->model,
                                    .key = job->key,
                                    .cancel = &s->progress.cancel,
                                    .threads = s->worker->config.threads };
    struct buf provenance = BUF_INIT(PROVENANCE_LIMIT);
    uint64_t began;
    int rc = enter(s, job, JOB_PUBLISHING, &began, err);

    if (!rc)
        rc = write_provenance(s, job, in, c, stage, report, &provenance, err);
    p.provenance = buf_str(&provenance);
    if (!rc)
        rc = models_publish(s->worker->config.models, stage, &p, &result->model,
                            err);
    buf_done(&provenance);
    leave(s, JOB_PUBLISHING, began, result);
    return rc ? rc : write_report(job, c, report, result, err);
}

/* The result of another job with the same key; ERR_NOT_FOUND. */
static int share(struct worker_slot *s, const struct job *job,
                 struct worker_result *result, struct error *err)
{
    struct json_writer w = JSON_WRITER(&result->report, JSON_STYLE_COMPACT);
    int rc;

    if (!job->key)
        return ERR_NOT_FOUND;
    rc = models_link(s->worker->config.models, job->model, job->key,
                     &result->model, err);
    if (rc)
        return rc;
    json_open(&w, '{');
    json_key_str(&w, "job", job->id);
    json_key_str(&w, "key", job->key);
    json_key_bool(&w, "shared", true);
    json_close(&w, '}');
    return buf_status(&result->report, err);
}

int worker_run(struct worker_slot *s, struct job *job,
               struct worker_result *result, struct error *err)
{
    const struct worker_hooks *hooks = &s->worker->config.hooks;
    struct worker_input in = { .store = NULL };
    struct conversion c = { NULL, NULL, NULL };
    struct convert_report report = { .overflowed = 0 };
    struct models_stage *stage = NULL;
    int rc = share(s, job, result, err);

    if (rc != ERR_NOT_FOUND)
        return rc;
    if (s->only_share) {
        worker_end(s, WORKER_STOPPED);
        return error_set(err, ERR_CANCELLED, "the result is gone");
    }
    request_init(&in.request);
    rc = fetch(s, job, &in, result, err);
    if (!rc)
        rc = plan(s, job, &in, &c, result, err);
    if (!rc)
        rc = convert(s, job, &in, &c, &stage, &report, result, err);
    if (!rc)
        rc = publish(s, job, &in, &c, stage, &report, result, err);
    conversion_done(&c);
    models_stage_free(stage);
    store_free(in.store);
    free(in.folder);
    request_done(&in.request);
    if (in.held && hooks->release)
        hooks->release(hooks->ctx, in.held);
    return rc;
}
