/*
 * A hash table of entries by id, with the order of use for eviction; one mutex
 * and one condition variable, which every change broadcasts. Listeners are
 * called outside that mutex, so that they may ask for the job.
 */
#include "jobs/jobs_live.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BUCKETS = 2048 };

struct entry {
    struct entry *chain; /* in the bucket */
    struct entry *newer; /* by use */
    struct entry *older;
    struct job *job;
    struct job_progress progress;
};

struct listener {
    jobs_listener fn;
    void *ctx;
};

struct live {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t changes;
    struct entry *buckets[BUCKETS];
    struct entry *newest;
    struct entry *oldest;
    size_t count;
    live_loader load;
    void *load_ctx;
    pthread_rwlock_t listening; /* held for reading while listeners run */
    struct listener listeners[JOBS_LISTENERS];
};

int live_new(live_loader load, void *ctx, struct live **out, struct error *err)
{
    struct live *l = calloc(1, sizeof *l);
    pthread_condattr_t attr;

    if (!l)
        return error_memory(err);
    pthread_mutex_init(&l->mutex, NULL);
    pthread_rwlock_init(&l->listening, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&l->changed, &attr);
    pthread_condattr_destroy(&attr);
    l->load = load;
    l->load_ctx = ctx;
    *out = l;
    return 0;
}

/* FNV-1a, over all of an id: its first half is the time. */
static struct entry **bucket_of(struct live *l, const char *id)
{
    uint32_t hash = 2166136261u;

    for (; *id; id++)
        hash = (hash ^ (unsigned char)*id) * 16777619u;
    return &l->buckets[(hash ^ hash >> 16) % BUCKETS];
}

static void unlink_use(struct live *l, struct entry *e)
{
    *(e->newer ? &e->newer->older : &l->newest) = e->older;
    *(e->older ? &e->older->newer : &l->oldest) = e->newer;
}

static void link_newest(struct live *l, struct entry *e)
{
    e->newer = NULL;
    e->older = l->newest;
    *(l->newest ? &l->newest->newer : &l->oldest) = e;
    l->newest = e;
}

static struct entry *find(struct live *l, const char *id)
{
    struct entry *e = *bucket_of(l, id);

    while (e && strcmp(e->job->id, id) != 0)
        e = e->chain;
    if (e && e != l->newest) {
        unlink_use(l, e);
        link_newest(l, e);
    }
    return e;
}

static void drop(struct live *l, struct entry *e)
{
    struct entry **at = bucket_of(l, e->job->id);

    while (*at != e)
        at = &(*at)->chain;
    *at = e->chain;
    unlink_use(l, e);
    l->count--;
    job_unref(e->job);
    free(e);
}

/* Progress is nowhere else, so running jobs stay. */
static void evict(struct live *l)
{
    struct entry *e = l->oldest;

    while (e && job_running(e->job->state))
        e = e->newer;
    if (e && e != l->newest)
        drop(l, e);
}

/* Without memory the record is just not kept; an older one must go, though. */
static struct entry *put(struct live *l, struct job *job)
{
    struct entry *e = find(l, job->id);
    struct entry **bucket;

    if (!e) {
        e = calloc(1, sizeof *e);
        if (!e)
            return NULL;
        bucket = bucket_of(l, job->id);
        e->chain = *bucket;
        *bucket = e;
        link_newest(l, e);
        l->count++;
    }
    if (!job_running(job->state) || (e->job && e->job->token != job->token))
        e->progress = (struct job_progress){ .tick = e->progress.tick };
    job_ref(job);
    job_unref(e->job);
    e->job = job;
    if (l->count > LIVE_KEPT)
        evict(l);
    return e;
}

void live_tell(struct live *l, const char *id)
{
    pthread_rwlock_rdlock(&l->listening);
    for (size_t i = 0; i < JOBS_LISTENERS; i++)
        if (l->listeners[i].fn)
            l->listeners[i].fn(l->listeners[i].ctx, id);
    pthread_rwlock_unlock(&l->listening);
}

/* Ends a change that began with the mutex being locked. */
static void changed(struct live *l)
{
    l->changes++;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->mutex);
}

void live_put(struct live *l, struct job *job)
{
    pthread_mutex_lock(&l->mutex);
    put(l, job);
    changed(l);
}

void live_drop(struct live *l, const char *id)
{
    struct entry *e;

    pthread_mutex_lock(&l->mutex);
    e = find(l, id);
    if (e)
        drop(l, e);
    changed(l);
}

void live_set_progress(struct live *l, const char *id,
                       const struct job_progress *p)
{
    struct entry *e;
    uint64_t tick;

    pthread_mutex_lock(&l->mutex);
    e = find(l, id);
    if (!e || !job_running(e->job->state)) {
        pthread_mutex_unlock(&l->mutex);
        return;
    }
    tick = e->progress.tick;
    e->progress = *p;
    e->progress.tick = tick + 1;
    changed(l);
    live_tell(l, id);
}

/* With the mutex held. */
static int get(struct live *l, const char *id, struct job **out,
               struct job_progress *progress, struct error *err)
{
    struct entry *e = find(l, id);
    struct job *job;
    int rc;

    if (e) {
        *out = job_ref(e->job);
        if (progress)
            *progress = e->progress;
        return 0;
    }
    rc = l->load(l->load_ctx, id, &job, err);
    if (rc)
        return rc;
    put(l, job);
    if (progress)
        *progress = (struct job_progress){ 0 };
    *out = job;
    return 0;
}

int live_get(struct live *l, const char *id, struct job **out,
             struct job_progress *progress, struct error *err)
{
    int rc;

    pthread_mutex_lock(&l->mutex);
    rc = get(l, id, out, progress, err);
    pthread_mutex_unlock(&l->mutex);
    return rc;
}

static struct timespec deadline_in(unsigned ms)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

int live_wait(struct live *l, const char *id, uint64_t version, uint64_t tick,
              unsigned ms, struct job **out, struct job_progress *progress,
              struct error *err)
{
    const struct timespec deadline = deadline_in(ms);
    struct job_progress p;
    struct job *job = NULL;
    bool in_time = true;
    int rc;

    pthread_mutex_lock(&l->mutex);
    for (;;) {
        rc = get(l, id, &job, &p, err);
        if (rc || !in_time || job->version > version || p.tick > tick)
            break;
        job_unref(job);
        in_time =
            pthread_cond_timedwait(&l->changed, &l->mutex, &deadline) == 0;
    }
    pthread_mutex_unlock(&l->mutex);
    if (rc)
        return rc;
    if (progress)
        *progress = p;
    *out = job;
    return 0;
}

uint64_t live_changes(struct live *l)
{
    uint64_t n;

    pthread_mutex_lock(&l->mutex);
    n = l->changes;
    pthread_mutex_unlock(&l->mutex);
    return n;
}

void live_wait_change(struct live *l, uint64_t since, unsigned ms)
{
    const struct timespec deadline = deadline_in(ms);
    bool in_time = true;

    pthread_mutex_lock(&l->mutex);
    while (in_time && l->changes == since)
        in_time =
            pthread_cond_timedwait(&l->changed, &l->mutex, &deadline) == 0;
    pthread_mutex_unlock(&l->mutex);
}

void live_wake(struct live *l)
{
    pthread_mutex_lock(&l->mutex);
    changed(l);
}

int live_listen(struct live *l, jobs_listener fn, void *ctx, struct error *err)
{
    int rc = error_set(err, ERR_INTERNAL, "too many listeners");

    pthread_rwlock_wrlock(&l->listening);
    for (size_t i = 0; rc && i < JOBS_LISTENERS; i++) {
        if (l->listeners[i].fn)
            continue;
        l->listeners[i] = (struct listener){ fn, ctx };
        rc = 0;
    }
    pthread_rwlock_unlock(&l->listening);
    return rc;
}

void live_unlisten(struct live *l, jobs_listener fn, void *ctx)
{
    pthread_rwlock_wrlock(&l->listening);
    for (size_t i = 0; i < JOBS_LISTENERS; i++)
        if (l->listeners[i].fn == fn && l->listeners[i].ctx == ctx)
            l->listeners[i] = (struct listener){ NULL, NULL };
    pthread_rwlock_unlock(&l->listening);
}

void live_free(struct live *l)
{
    if (!l)
        return;
    while (l->oldest)
        drop(l, l->oldest);
    pthread_mutex_destroy(&l->mutex);
    pthread_cond_destroy(&l->changed);
    pthread_rwlock_destroy(&l->listening);
    free(l);
}
