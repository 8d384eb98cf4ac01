/*
 * The monitor: a few times a second it reports the progress of each run, and in
 * time renews its lease; it also looks for jobs whose workers are gone.
 *
 * The rate is an average that forgets with a time constant of some seconds, so
 * that the estimate is steady and follows a slow disk all the same.
 */
#include <time.h>

#include "jobs/tally.h"
#include "jobs/worker_impl.h"

enum { TICK_MS = 200, RATE_MS = 5000 };

uint64_t worker_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void update_rate(struct worker_slot *s, uint64_t done, uint64_t now)
{
    uint64_t passed = now - s->seen_ms;
    double weight;
    double latest;

    if (passed == 0)
        return;
    latest = (double)(done - s->seen_bytes) * 1000 / (double)passed;
    weight = (double)passed / (double)(passed + RATE_MS);
    s->rate = s->rate > 0 ? s->rate + weight * (latest - s->rate) : latest;
    s->seen_bytes = done;
    s->seen_ms = now;
}

/* With the slot's mutex held. False: there is nothing new to tell. */
static bool sample(struct worker_slot *s, uint64_t now, struct job_progress *p)
{
    uint64_t total = atomic_load(&s->progress.bytes_total);
    uint64_t done = atomic_load(&s->progress.bytes_done);
    uint64_t before = s->seen_bytes;

    if (total == 0)
        return false;
    update_rate(s, done, now);
    *p = (struct job_progress){ .bytes_done = done,
                                .bytes_total = total,
                                .tensors_total = s->tensors,
                                .tensors_done = s->tally ? tally_done(s->tally)
                                                         : s->tensors,
                                .rate = (uint64_t)s->rate };
    if (s->rate >= 1 && done < total)
        p->remaining_ms = (uint64_t)((double)(total - done) * 1000 / s->rate);
    return done != before;
}

static void renew(struct worker_slot *s, const struct job *job)
{
    struct worker *w = s->worker;
    struct error err;
    bool cancel = false;
    int rc = jobs_renew(w->config.jobs, job->id, job->token, &cancel, &err);

    if (rc == ERR_LEASE || rc == ERR_NOT_FOUND)
        worker_end(s, WORKER_LOST);
    else if (rc)
        worker_trouble(w, job->id, &err);
    else if (cancel)
        worker_end(s, WORKER_CANCELLED);
}

static void watch_slot(struct worker_slot *s, uint64_t now)
{
    struct job_progress p;
    struct job *job = NULL;
    bool news = false;

    pthread_mutex_lock(&s->mutex);
    if (s->job) {
        job = job_ref(s->job);
        if (s->fresh) {
            s->fresh = false;
            s->seen_bytes = 0;
            s->seen_ms = now;
            s->renewed_ms = now;
            s->rate = 0;
        }
        news = sample(s, now, &p);
    }
    pthread_mutex_unlock(&s->mutex);
    if (news)
        jobs_report_progress(s->worker->config.jobs, job->id, &p);
    if (job && now - s->renewed_ms >= s->worker->config.lease_ms / 3) {
        s->renewed_ms = now;
        renew(s, job);
    }
    job_unref(job);
}

void *worker_watch(void *worker)
{
    struct worker *w = worker;
    const struct timespec tick = { .tv_nsec = TICK_MS * 1000000L };
    uint64_t recovered = worker_now();
    struct error err;

    while (!atomic_load(&w->no_monitor)) {
        uint64_t now = worker_now();

        for (unsigned i = 0; i < w->started; i++)
            watch_slot(&w->slots[i], now);
        if (now - recovered >= w->config.lease_ms) {
            recovered = now;
            if (jobs_recover(w->config.jobs, false, NULL, &err))
                worker_trouble(w, NULL, &err);
        }
        nanosleep(&tick, NULL);
    }
    return NULL;
}
