/*
 * Opening and closing what the service keeps, in the order in which the parts
 * need each other: the database, uploads, the queue, models, holds.
 *
 * Uploads and models share one quota, so each asks the other for its bytes.
 */
#include "resources.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "inputs.h"
#include "measure.h"
#include "service.h"
#include "service/log.h"

enum { SWEEP_SECONDS = 60, EXPIRED_AT_ONCE = 1000 };

static uint64_t bytes_of_models(void *ctx)
{
    const struct service *s = ctx;

    return s->models ? models_bytes(s->models) : 0;
}

static uint64_t bytes_of_uploads(void *ctx)
{
    const struct service *s = ctx;

    return s->uploads ? uploads_bytes(s->uploads) : 0;
}

static int open_uploads(struct service *s, struct error *err)
{
    const struct settings *o = s->settings;
    struct uploads_limits limits;
    char *folder = NULL;
    int rc;

    uploads_default_limits(&limits);
    limits.upload_bytes = o->max_upload;
    limits.entries = o->max_entries;
    limits.quota = o->disk_quota;
    limits.reserve = o->min_free;
    limits.age = o->upload_age;
    limits.other_bytes = bytes_of_models;
    limits.ctx = s;
    if (asprintf(&folder, "%s/uploads", o->data) < 0)
        return error_memory(err);
    rc = uploads_open(s->db, folder, &limits, &s->uploads, err);
    free(folder);
    return rc;
}

/* Jobs do not end before there are holds. */
static void on_end(void *ctx, const char *job)
{
    holds_end(((struct service *)ctx)->holds, job);
}

static int open_jobs(struct service *s, struct error *err)
{
    const struct jobs_config config = { .queue_limit = s->settings->jobs_queued,
                                        .ended = on_end,
                                        .ctx = s };

    return jobs_open_sqlite(s->db, &config, &s->jobs, err);
}

static int open_models(struct service *s, struct error *err)
{
    const struct models_config config = { .quota = s->settings->disk_quota,
                                          .other_bytes = bytes_of_uploads,
                                          .ctx = s };

    return models_open_sqlite(s->db, &config, &s->models, err);
}

int resources_open(struct service *s, struct error *err)
{
    int rc = db_open(s->settings->data, &s->db, err);

    if (!rc)
        rc = open_uploads(s, err);
    if (!rc)
        rc = open_jobs(s, err);
    if (!rc)
        rc = open_models(s, err);
    if (!rc)
        rc = holds_open(s->jobs, s->uploads, &s->holds, err);
    if (!rc)
        rc = sources_open(s->settings, &s->sources, err);
    return rc;
}

static void on_stage(void *ctx, enum job_state stage, double seconds)
{
    measure_stage(((struct service *)ctx)->measure, stage, seconds);
}

static void on_trouble(void *ctx, const char *job, const struct error *err)
{
    (void)ctx;
    log_failure(LOG_LEVEL_ERROR, job, "a worker is in trouble", err);
}

int resources_start(struct service *s, struct error *err)
{
    const struct settings *o = s->settings;
    const struct worker_config config = {
        .jobs = s->jobs,
        .models = s->models,
        .hooks = { .resolve = inputs_resolve,
                   .release = inputs_release,
                   .stage = on_stage,
                   .trouble = on_trouble,
                   .ctx = s },
        .jobs_at_once = (unsigned)o->jobs_at_once,
        .threads = (unsigned)o->threads,
        .memory = o->memory / o->jobs_at_once,
    };

    return worker_start(&config, &s->worker, err);
}

void resources_stop(struct service *s, unsigned grace_seconds)
{
    worker_stop(s->worker, grace_seconds * 1000);
}

void resources_close(struct service *s)
{
    worker_free(s->worker);
    sources_close(s->sources);
    holds_close(s->holds);
    models_close(s->models);
    jobs_close(s->jobs);
    if (s->uploads)
        uploads_close(s->uploads);
    db_close(s->db);
}

static void forget_old_jobs(struct service *s)
{
    uint64_t age = s->settings->job_age;
    struct error err;
    size_t removed = 0;

    if (!age)
        return;
    if (jobs_expire(s->jobs, ((uint64_t)time(NULL) - age) * 1000,
                    EXPIRED_AT_ONCE, &removed, &err))
        log_failure(LOG_LEVEL_WARNING, NULL, "old jobs are not forgotten",
                    &err);
    if (removed)
        log_write(LOG_LEVEL_INFO, NULL, "old jobs forgotten",
                  LOG_FIELDS(LOG_NUMBER("jobs", removed)));
}

void resources_tend(struct service *s)
{
    struct error err;
    unsigned removed = 0;

    if (access_reload(s->access, false, &err))
        log_failure(LOG_LEVEL_WARNING, NULL, "the tokens stay as they were",
                    &err);
    holds_tend(s->holds);
    if (s->tended++ % SWEEP_SECONDS != 0)
        return;
    forget_old_jobs(s);
    if (uploads_sweep(s->uploads, time(NULL), &removed, &err))
        log_failure(LOG_LEVEL_WARNING, NULL, "old uploads are not removed",
                    &err);
    else if (removed)
        log_write(LOG_LEVEL_INFO, NULL, "old uploads removed",
                  LOG_FIELDS(LOG_NUMBER("uploads", removed)));
}
