/*
 * The pool: its threads, how a run ends, and stopping.
 *
 * A run is told to end by the cancel flag of its progress, which every stage
 * looks at; why is kept beside it and decides what becomes of the job.
 * Cancellations come as news from the queue, so they take no polling.
 */
#include "jobs/worker.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error_json.h"
#include "jobs/worker_impl.h"

enum { IDLE_MS = 1000, TEXT_LIMIT = 8 << 20 };

void worker_trouble(const struct worker *w, const char *job,
                    const struct error *err)
{
    if (w->config.hooks.trouble)
        w->config.hooks.trouble(w->config.hooks.ctx, job, err);
}

void worker_end(struct worker_slot *s, enum worker_end why)
{
    pthread_mutex_lock(&s->mutex);
    if (s->job && s->end == WORKER_GOES_ON) {
        s->end = why;
        atomic_store(&s->progress.cancel, true);
    }
    pthread_mutex_unlock(&s->mutex);
}

/* ---- news ---- */

static void hear(void *worker, const char *id)
{
    struct worker *w = worker;
    struct job *job;

    for (unsigned i = 0; i < w->config.jobs_at_once; i++) {
        struct worker_slot *s = &w->slots[i];
        uint64_t token = 0;

        pthread_mutex_lock(&s->mutex);
        if (s->job && !strcmp(s->job->id, id))
            token = s->job->token;
        pthread_mutex_unlock(&s->mutex);
        if (!token || jobs_get(w->config.jobs, id, &job, NULL, NULL))
            continue;
        if (job->cancel && job->token == token)
            worker_end(s, WORKER_CANCELLED);
        job_unref(job);
    }
}

/* ---- runs ---- */

static void begin_run(struct worker_slot *s, struct job *job)
{
    pthread_mutex_lock(&s->mutex);
    s->job = job;
    s->end = WORKER_GOES_ON;
    s->fresh = true;
    s->tensors = 0;
    atomic_store(&s->progress.bytes_total, 0);
    atomic_store(&s->progress.chunks_total, 0);
    atomic_store(&s->progress.bytes_done, 0);
    atomic_store(&s->progress.chunks_done, 0);
    atomic_store(&s->progress.cancel, false);
    pthread_mutex_unlock(&s->mutex);
    /* What was said before anybody could know of this run. */
    if (atomic_load(&s->worker->giving_up))
        worker_end(s, WORKER_STOPPED);
    hear(s->worker, job->id);
}

static enum worker_end end_run(struct worker_slot *s)
{
    enum worker_end why;

    pthread_mutex_lock(&s->mutex);
    s->job = NULL;
    why = s->end;
    pthread_mutex_unlock(&s->mutex);
    return why;
}

static const char *write_problem(const struct error *why, struct buf *text)
{
    struct json_writer w = JSON_WRITER(text, JSON_STYLE_COMPACT);

    json_open(&w, '{');
    error_json_members(why, &w);
    json_close(&w, '}');
    return buf_str(text);
}

/* What the record says in the end. problem is used while it is said. */
static struct job_change outcome(int rc, const struct error *why,
                                 enum worker_end end,
                                 struct worker_result *result,
                                 struct buf *problem)
{
    struct job_change c = { .state = JOB_SUCCEEDED };

    if (!rc) {
        c.revision = result->model->revision;
        c.report = buf_str(&result->report);
    } else if (end == WORKER_STOPPED && rc == ERR_CANCELLED) {
        c.state = JOB_QUEUED;
    } else if (end == WORKER_CANCELLED) {
        c.state = JOB_CANCELLED;
    } else {
        c.state = JOB_FAILED;
        c.problem = write_problem(why, problem);
    }
    return c;
}

/* Runs a claimed job, which is taken over. True if it left a result. */
static bool run(struct worker_slot *s, struct job *job)
{
    struct worker *w = s->worker;
    struct worker_result result = { .report = BUF_INIT(TEXT_LIMIT) };
    struct buf problem = BUF_INIT(TEXT_LIMIT);
    struct job_change change;
    struct error err;
    enum worker_end end;
    int rc;
    int failed;

    begin_run(s, job);
    rc = worker_run(s, job, &result, &err);
    end = end_run(s);
    if (rc != ERR_LEASE && end != WORKER_LOST) {
        change = outcome(rc, &err, end, &result, &problem);
        failed = jobs_change(w->config.jobs, job->id, job->token, &change, NULL,
                             &err);
        if (failed && failed != ERR_LEASE)
            worker_trouble(w, job->id, &err);
    }
    buf_done(&problem);
    buf_done(&result.report);
    stored_unref(result.model);
    return rc == 0;
}

/* Jobs that waited for this result need no turn of their own. */
static void finish_followers(struct worker_slot *s, const char *key)
{
    struct job_pick pick = { .key = key };
    struct job *job;

    bool done = true;

    while (done && !atomic_load(&s->worker->stopping) &&
           jobs_claim(s->worker->config.jobs, &pick, &job, NULL) == 0 && job) {
        done = run(s, job);
        job_unref(job);
    }
}

static void *work(void *slot)
{
    struct worker_slot *s = slot;
    struct worker *w = s->worker;
    struct job *job;
    struct error err;
    uint64_t seen;
    int rc;

    while (!atomic_load(&w->stopping)) {
        seen = jobs_changes(w->config.jobs);
        job = NULL;
        rc = jobs_claim(w->config.jobs, NULL, &job, &err);
        if (rc)
            worker_trouble(w, NULL, &err);
        if (rc || !job) {
            jobs_wait_work(w->config.jobs,
                           rc ? jobs_changes(w->config.jobs) : seen, IDLE_MS);
            continue;
        }
        if (run(s, job) && job->key)
            finish_followers(s, job->key);
        job_unref(job);
    }
    return NULL;
}

/* ---- starting and stopping ---- */

static int start_threads(struct worker *w, struct error *err)
{
    for (unsigned i = 0; i < w->config.jobs_at_once; i++) {
        int errnum =
            pthread_create(&w->slots[i].thread, NULL, work, &w->slots[i]);

        if (errnum)
            return error_errno(err, ERR_MEMORY, errnum,
                               "cannot start a thread");
        w->started++;
    }
    return 0;
}

int worker_start(const struct worker_config *config, struct worker **out,
                 struct error *err)
{
    struct worker *w = calloc(1, sizeof *w);
    int rc;

    if (!w)
        return error_memory(err);
    w->config = *config;
    if (!w->config.jobs_at_once)
        w->config.jobs_at_once = 1;
    if (!w->config.lease_ms)
        w->config.lease_ms = 30000;
    w->slots = calloc(w->config.jobs_at_once, sizeof *w->slots);
    if (!w->slots) {
        free(w);
        return error_memory(err);
    }
    for (unsigned i = 0; i < w->config.jobs_at_once; i++) {
        w->slots[i].worker = w;
        pthread_mutex_init(&w->slots[i].mutex, NULL);
    }
    rc = jobs_recover(config->jobs, true, NULL, err);
    if (!rc)
        rc = jobs_listen(config->jobs, hear, w, err);
    if (!rc)
        rc = start_threads(w, err);
    if (!rc) {
        int errnum = pthread_create(&w->monitor, NULL, worker_watch, w);

        w->monitoring = errnum == 0;
        if (errnum)
            rc = error_errno(err, ERR_MEMORY, errnum, "cannot start a thread");
    }
    if (rc)
        worker_free(w);
    else
        *out = w;
    return rc;
}

static bool busy(const struct worker *w)
{
    bool any = false;

    for (unsigned i = 0; i < w->started; i++) {
        pthread_mutex_lock(&w->slots[i].mutex);
        any = any || w->slots[i].job;
        pthread_mutex_unlock(&w->slots[i].mutex);
    }
    return any;
}

void worker_stop(struct worker *w, unsigned grace_ms)
{
    const struct timespec pause = { .tv_nsec = 10000000 };
    uint64_t deadline = worker_now() + grace_ms;

    atomic_store(&w->stopping, true);
    jobs_wake(w->config.jobs);
    while (busy(w) && worker_now() < deadline)
        nanosleep(&pause, NULL);
    atomic_store(&w->giving_up, true);
    for (unsigned i = 0; i < w->started; i++)
        worker_end(&w->slots[i], WORKER_STOPPED);
    for (unsigned i = 0; i < w->started; i++)
        pthread_join(w->slots[i].thread, NULL);
    atomic_store(&w->no_monitor, true);
    if (w->monitoring)
        pthread_join(w->monitor, NULL);
    jobs_unlisten(w->config.jobs, hear, w);
    w->started = 0;
    w->monitoring = false;
}

void worker_free(struct worker *w)
{
    if (!w)
        return;
    worker_stop(w, 0);
    for (unsigned i = 0; i < w->config.jobs_at_once; i++)
        pthread_mutex_destroy(&w->slots[i].mutex);
    free(w->slots);
    free(w);
}

/* ---- submitting ---- */

/* Ends a job by a result that is there; if anything fails, it just waits. */
static void share_at_once(struct worker *w, struct job **job)
{
    struct job_pick pick = { .id = (*job)->id };
    struct worker_slot slot = { .worker = w,
                                .only_share = true,
                                .mutex = PTHREAD_MUTEX_INITIALIZER };
    char revision[STORED_REVISION_LEN + 1];
    struct job *claimed = NULL;
    struct job *now;

    if (models_find_result(w->config.models, (*job)->key, revision, NULL) ||
        jobs_claim(w->config.jobs, &pick, &claimed, NULL) || !claimed)
        return;
    run(&slot, claimed);
    job_unref(claimed);
    if (jobs_get(w->config.jobs, (*job)->id, &now, NULL, NULL) == 0) {
        job_unref(*job);
        *job = now;
    }
}

int worker_submit(struct worker *w, const struct job_submission *s,
                  struct job **out, bool *created, struct error *err)
{
    int rc = jobs_submit(w->config.jobs, s, out, created, err);

    if (!rc && *created && s->key && !atomic_load(&w->stopping))
        share_at_once(w, out);
    return rc;
}
