/*
 * The queue as those see it who submit, look at and cancel jobs.
 *
 * Every change is a step: begin a transaction, load the record, apply the
 * rules, save it with an event, commit; then the new record goes to jobs_live,
 * from which nearly all reads are served. Steps are done one at a time, so that
 * records get there in the order of their transactions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/sha256.h"
#include "jobs/jobs_impl.h"

static uint64_t system_clock(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int jobs_not_found(const char *id, struct error *err)
{
    error_set(err, ERR_NOT_FOUND, "there is no job %.64s", id);
    return error_subject(err, "%.64s", id);
}

int jobs_step_begin(struct jobs *j, struct jobs_step *s, struct error *err)
{
    int rc;

    *s = (struct jobs_step){ .jobs = j, .before = JOB_STATES };
    pthread_mutex_lock(&j->writing);
    rc = j->backend->ops->begin(j->backend, DB_WRITE, &s->tx, err);
    if (rc)
        pthread_mutex_unlock(&j->writing);
    s->now = j->config.clock();
    return rc;
}

void jobs_step_use(struct jobs_step *s, struct job *steal)
{
    s->job = steal;
    s->before = steal->state;
}

int jobs_step_load(struct jobs_step *s, const char *id, struct error *err)
{
    struct jobs_backend *b = s->jobs->backend;
    struct job *job = NULL;
    int rc = b->ops->load(b, s->tx, id, &job, err);

    if (rc)
        return rc;
    if (!job)
        return jobs_not_found(id, err);
    jobs_step_use(s, job);
    return 0;
}

int jobs_step_save(struct jobs_step *s, struct error *err)
{
    struct jobs_backend *b = s->jobs->backend;
    struct job_event e;
    int rc;

    s->job->version++;
    e = (struct job_event){ .seq = s->job->version,
                            .time = s->now,
                            .state = s->job->state,
                            .attempt = s->job->attempts };
    if (s->before == JOB_STATES)
        rc = b->ops->insert(b, s->tx, s->job, err);
    else
        rc = b->ops->save(b, s->tx, s->job, err);
    return rc ? rc : b->ops->add_event(b, s->tx, s->job->id, &e, err);
}

int jobs_step_end(struct jobs_step *s, int rc, struct job **out,
                  struct error *err)
{
    struct jobs *j = s->jobs;

    rc = j->backend->ops->end(j->backend, s->tx, rc, err);
    if (!rc && s->job && job_ended(s->job->state) && j->config.ended)
        j->config.ended(j->config.ctx, s->job->id);
    if (!rc && s->job) {
        if (s->before != JOB_STATES)
            j->counts[s->before]--;
        j->counts[s->job->state]++;
        live_put(j->live, s->job);
    }
    pthread_mutex_unlock(&j->writing);
    if (!rc && s->job)
        live_tell(j->live, s->job->id);
    if (!rc && out)
        *out = s->job;
    else
        job_unref(s->job);
    return rc;
}

/* ---- opening ---- */

static int load_one(void *ctx, const char *id, struct job **out,
                    struct error *err)
{
    struct jobs_backend *b = ((struct jobs *)ctx)->backend;
    struct job *job = NULL;
    struct db_tx *tx;
    int rc = b->ops->begin(b, DB_READ, &tx, err);

    if (rc)
        return rc;
    rc = b->ops->end(b, tx, b->ops->load(b, tx, id, &job, err), err);
    if (!rc && !job)
        rc = jobs_not_found(id, err);
    if (!rc)
        *out = job;
    else
        job_unref(job);
    return rc;
}

static int load_counts(struct jobs *j, struct error *err)
{
    struct jobs_backend *b = j->backend;
    uint64_t counts[JOB_STATES] = { 0 };
    struct db_tx *tx;
    int rc = b->ops->begin(b, DB_READ, &tx, err);

    if (rc)
        return rc;
    rc = b->ops->end(b, tx, b->ops->count(b, tx, counts, err), err);
    for (int i = 0; i < JOB_STATES; i++)
        atomic_init(&j->counts[i], counts[i]);
    return rc;
}

int jobs_open_steal(struct jobs_backend *backend,
                    const struct jobs_config *config, struct jobs **out,
                    struct error *err)
{
    struct jobs *j = calloc(1, sizeof *j);
    int rc;

    if (!j) {
        backend->ops->free(backend);
        return error_memory(err);
    }
    j->backend = backend;
    j->config = *config;
    if (!j->config.max_attempts)
        j->config.max_attempts = 3;
    if (!j->config.lease_ms)
        j->config.lease_ms = 30000;
    if (!j->config.clock)
        j->config.clock = system_clock;
    pthread_mutex_init(&j->writing, NULL);
    rc = live_new(load_one, j, &j->live, err);
    if (!rc)
        rc = load_counts(j, err);
    if (rc)
        jobs_close(j);
    else
        *out = j;
    return rc;
}

void jobs_close(struct jobs *j)
{
    if (!j)
        return;
    live_free(j->live);
    j->backend->ops->free(j->backend);
    pthread_mutex_destroy(&j->writing);
    free(j);
}

/* ---- submitting ---- */

int job_key(const char *input, const char *options, char out[65],
            struct error *err)
{
    struct sha256 *h = NULL;
    int rc = sha256_new(&h, err);

    if (rc)
        return rc;
    /* The NUL between them keeps two pairs with one concatenation apart. */
    sha256_add(h, input, strlen(input) + 1);
    sha256_add(h, options, strlen(options));
    return sha256_finish(h, out, err);
}

/* The job that an Idempotency-Key has made already, as the step's. */
static int find_same_request(struct jobs_step *s,
                             const struct job_submission *sub,
                             struct error *err)
{
    struct jobs_backend *b = s->jobs->backend;
    struct job *job = NULL;
    bool same = false;
    int rc;

    if (!sub->idempotency_key)
        return 0;
    rc = b->ops->find_idempotency(b, s->tx, sub->idempotency_key,
                                  sub->fingerprint, &job, &same, err);
    if (rc || !job)
        return rc;
    jobs_step_use(s, job);
    if (same)
        return 0;
    error_set(err, ERR_KEY_REUSED,
              "the Idempotency-Key was used for another request");
    error_subject(err, "%.128s", sub->idempotency_key);
    return error_hint(err, "make a new key for each new request");
}

int jobs_find_request(struct jobs *j, const char *idempotency_key,
                      const char *fingerprint, struct job **out,
                      struct error *err)
{
    const struct job_submission sub = { .idempotency_key = idempotency_key,
                                        .fingerprint = fingerprint };
    struct jobs_backend *b = j->backend;
    struct jobs_step s = { .jobs = j };
    int rc = b->ops->begin(b, DB_READ, &s.tx, err);

    if (rc)
        return rc;
    rc = b->ops->end(b, s.tx, find_same_request(&s, &sub, err), err);
    if (rc)
        job_unref(s.job);
    else
        *out = s.job;
    return rc;
}

static int find_same_work(struct jobs_step *s, const struct job_submission *sub,
                          struct error *err)
{
    struct jobs_backend *b = s->jobs->backend;
    struct job *job = NULL;
    int rc;

    if (s->job || !sub->key)
        return 0;
    rc = b->ops->find_live(b, s->tx, sub->key, sub->model, &job, err);
    if (job && !job->cancel)
        jobs_step_use(s, job);
    else
        job_unref(job);
    return rc;
}

static int check_queue(const struct jobs *j, struct error *err)
{
    uint64_t limit = j->config.queue_limit;

    if (!limit || j->counts[JOB_QUEUED] < limit)
        return 0;
    error_set(err, ERR_QUEUE_FULL, "%llu jobs are waiting already",
              (unsigned long long)limit);
    return error_hint(err, "try again later");
}

static int make_job(struct jobs_step *s, const struct job_submission *sub,
                    struct error *err)
{
    struct job *job;
    int rc = check_queue(s->jobs, err);

    if (rc)
        return rc;
    job = job_new();
    if (!job)
        return error_memory(err);
    s->job = job;
    job->created = s->now;
    if (sub->id)
        snprintf(job->id, sizeof job->id, "%s", sub->id);
    else
        rc = job_new_id(s->now, job->id, err);
    if (!rc)
        rc = job_set_text(&job->model, sub->model, err);
    if (!rc)
        rc = job_set_text(&job->request, sub->request, err);
    if (!rc)
        rc = job_set_text(&job->key, sub->key, err);
    return rc ? rc : jobs_step_save(s, err);
}

int jobs_submit(struct jobs *j, const struct job_submission *sub,
                struct job **out, bool *created, struct error *err)
{
    struct jobs_backend *b = j->backend;
    struct jobs_step s;
    bool known;
    bool fresh;
    int rc = jobs_step_begin(j, &s, err);

    if (rc)
        return rc;
    rc = find_same_request(&s, sub, err);
    known = s.job != NULL;
    if (!rc)
        rc = find_same_work(&s, sub, err);
    fresh = !s.job;
    if (!rc && fresh)
        rc = make_job(&s, sub, err);
    if (!rc && sub->idempotency_key && !known)
        rc = b->ops->add_idempotency(b, s.tx, sub->idempotency_key,
                                     sub->fingerprint, s.job->id, err);
    rc = jobs_step_end(&s, rc, out, err);
    if (!rc)
        *created = fresh;
    return rc;
}

/* ---- looking ---- */

int jobs_get(struct jobs *j, const char *id, struct job **out,
             struct job_progress *progress, struct error *err)
{
    return live_get(j->live, id, out, progress, err);
}

int jobs_list_add_steal(struct job_list *l, struct job *job, struct error *err)
{
    struct job **items;

    if (job && (l->count & (l->count + 1)) == 0) {
        items = realloc(l->items, (l->count * 2 + 1) * sizeof *items);
        if (items)
            l->items = items;
        else {
            job_unref(job);
            job = NULL;
        }
    }
    if (!job)
        return error_memory(err);
    l->items[l->count++] = job;
    return 0;
}

void jobs_list_done(struct job_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        job_unref(l->items[i]);
    free(l->items);
    *l = (struct job_list){ NULL, 0 };
}

int jobs_list(struct jobs *j, const struct job_filter *f, struct job_list *out,
              struct error *err)
{
    struct jobs_backend *b = j->backend;
    struct job_list l = { NULL, 0 };
    struct db_tx *tx;
    int rc = b->ops->begin(b, DB_READ, &tx, err);

    if (rc)
        return rc;
    rc = b->ops->end(b, tx, b->ops->list(b, tx, f, &l, err), err);
    if (rc)
        jobs_list_done(&l);
    else
        *out = l;
    return rc;
}

void jobs_count(struct jobs *j, uint64_t counts[JOB_STATES])
{
    for (int i = 0; i < JOB_STATES; i++)
        counts[i] = atomic_load(&j->counts[i]);
}

int jobs_events(struct jobs *j, const char *id, uint64_t since,
                struct job_event *out, size_t limit, size_t *n,
                struct error *err)
{
    struct jobs_backend *b = j->backend;
    struct job *job = NULL;
    struct db_tx *tx;
    int rc = b->ops->begin(b, DB_READ, &tx, err);

    if (rc)
        return rc;
    rc = b->ops->load(b, tx, id, &job, err);
    if (!rc && !job)
        rc = jobs_not_found(id, err);
    job_unref(job);
    if (!rc)
        rc = b->ops->events(b, tx, id, since, out, limit, n, err);
    return b->ops->end(b, tx, rc, err);
}

int jobs_wait(struct jobs *j, const char *id, uint64_t version, uint64_t tick,
              unsigned ms, struct job **out, struct job_progress *progress,
              struct error *err)
{
    return live_wait(j->live, id, version, tick, ms, out, progress, err);
}

int jobs_listen(struct jobs *j, jobs_listener fn, void *ctx, struct error *err)
{
    return live_listen(j->live, fn, ctx, err);
}

void jobs_unlisten(struct jobs *j, jobs_listener fn, void *ctx)
{
    live_unlisten(j->live, fn, ctx);
}
