/*
 * Holds of jobs.
 *
 * Which uploads a job holds is in its request, so nothing else need be stored:
 * a restart reads the requests of the jobs that have not ended. The queue tells
 * that a job has ended before anybody can see it, so whoever sees it can do as
 * he likes with the uploads. Those that nobody else wants are then removed by
 * holds_tend(), since removing takes longer than the queue can wait.
 */
#include "holds.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "jobs/jobs.h"
#include "service/log.h"
#include "uploads/uploads.h"

enum { BUCKETS = 256, NAMED_MAX = 3, PAGE = 256 };

/* Members of a request that may name an upload. */
static const char *const members[NAMED_MAX] = { "checkpoint", "gin", "config" };

struct hold {
    struct hold *next;
    char job[JOB_ID_LEN + 1];
    size_t count;
    char uploads[NAMED_MAX][UPLOADS_ID_MAX + 1];
};

struct holds {
    struct jobs *jobs;
    struct uploads *uploads;
    atomic_bool dropped;  /* something, since the last sweep */
    pthread_mutex_t lock; /* the lists */
    struct hold *buckets[BUCKETS];
};

/* Ids end in random digits. */
static struct hold **bucket(struct holds *h, const char *job)
{
    unsigned n = 0;

    for (size_t i = strlen(job); i > 0 && strlen(job) - i < 4; i--)
        n = n * 31 + (unsigned char)job[i - 1];
    return &h->buckets[n % BUCKETS];
}

/* The place of a job's hold in its list; *place is NULL if it has none. */
static struct hold **find(struct holds *h, const char *job)
{
    struct hold **place = bucket(h, job);

    while (*place && strcmp((*place)->job, job) != 0)
        place = &(*place)->next;
    return place;
}

void holds_drop(struct holds *h, struct hold *hold)
{
    if (!hold)
        return;
    for (size_t i = 0; i < hold->count; i++)
        uploads_release(h->uploads, hold->uploads[i]);
    atomic_store(&h->dropped, true);
    free(hold);
}

void holds_end(struct holds *h, const char *job)
{
    struct hold **place;
    struct hold *hold;

    pthread_mutex_lock(&h->lock);
    place = find(h, job);
    hold = *place;
    if (hold)
        *place = hold->next;
    pthread_mutex_unlock(&h->lock);
    holds_drop(h, hold);
}

int holds_take(struct holds *h, const json_t *request, struct hold **out,
               struct error *err)
{
    struct hold *hold = calloc(1, sizeof *hold);
    const char *path = "";
    int rc = 0;

    if (!hold)
        return error_memory(err);
    for (size_t i = 0; !rc && i < NAMED_MAX; i++) {
        char *id = hold->uploads[hold->count];
        const char *text =
            json_string_value(json_object_get(request, members[i]));

        if (!text || !uploads_parse_reference(text, id, &path))
            continue;
        rc = uploads_hold(h->uploads, id, err);
        hold->count += !rc;
    }
    if (rc)
        holds_drop(h, hold);
    else
        *out = hold;
    return rc;
}

void holds_give_steal(struct holds *h, const char *job, struct hold *hold)
{
    struct hold **first;

    memcpy(hold->job, job, strnlen(job, JOB_ID_LEN));
    pthread_mutex_lock(&h->lock);
    first = bucket(h, job);
    hold->next = *first;
    *first = hold;
    pthread_mutex_unlock(&h->lock);
}

/* Holds again what a job of an earlier process names. */
static int restore_one(struct holds *h, const struct job *job,
                       struct error *err)
{
    struct hold *hold = NULL;
    json_t *request = NULL;
    int rc = json_read(job->request, strlen(job->request), "the request",
                       ERR_USAGE, &request, err);

    if (!rc)
        rc = holds_take(h, request, &hold, err);
    json_decref(request);
    if (rc == 0)
        holds_give_steal(h, job->id, hold);
    /* The job itself will say what is wrong with its request. */
    return rc == ERR_MEMORY ? rc : 0;
}

static int restore(struct holds *h, enum job_state state, struct error *err)
{
    char after[JOB_ID_LEN + 1] = "";
    struct job_filter f = { .state = (int)state, .limit = PAGE };
    struct job_list jobs;
    bool more = true;
    int rc = 0;

    while (!rc && more) {
        f.after = *after ? after : NULL;
        jobs = (struct job_list){ NULL, 0 };
        rc = jobs_list(h->jobs, &f, &jobs, err);
        for (size_t i = 0; !rc && i < jobs.count; i++)
            rc = restore_one(h, jobs.items[i], err);
        more = !rc && jobs.count == PAGE;
        if (more)
            memcpy(after, jobs.items[jobs.count - 1]->id, sizeof after);
        jobs_list_done(&jobs);
    }
    return rc;
}

int holds_open(struct jobs *jobs, struct uploads *uploads, struct holds **out,
               struct error *err)
{
    struct holds *h = calloc(1, sizeof *h);
    int rc = 0;

    if (!h)
        return error_memory(err);
    h->jobs = jobs;
    h->uploads = uploads;
    h->dropped = true; /* what a dead process left is looked for once */
    pthread_mutex_init(&h->lock, NULL);
    for (int state = 0; !rc && state < JOB_STATES; state++)
        if (!job_ended((enum job_state)state))
            rc = restore(h, (enum job_state)state, err);
    if (rc)
        holds_close(h);
    else
        *out = h;
    return rc;
}

void holds_close(struct holds *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        while (h->buckets[i]) {
            struct hold *hold = h->buckets[i];

            h->buckets[i] = hold->next;
            holds_drop(h, hold);
        }
    pthread_mutex_destroy(&h->lock);
    free(h);
}

void holds_tend(struct holds *h)
{
    struct error err;

    if (!atomic_exchange(&h->dropped, false))
        return;
    if (uploads_sweep_transient(h->uploads, &err))
        log_failure(LOG_LEVEL_WARNING, NULL,
                    "uploads of ended jobs are not removed", &err);
}
