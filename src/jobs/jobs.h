/*
 * The queue of jobs: who asked for what, and what became of it.
 *
 * A job is queued when it is submitted; a worker claims it, moves it through
 * the running states and ends it. A claim is a lease with a fencing token: it
 * has to be renewed, and once it has run out and somebody else has claimed the
 * job, what the first one says about it is refused (ERR_LEASE).
 *
 * What a call reports as done survives a power cut with the SQLite backend.
 * Progress is kept in memory only. All calls are safe from any thread.
 */
#ifndef SWITCHYARD_JOBS_JOBS_H
#define SWITCHYARD_JOBS_JOBS_H

#include <stddef.h>

#include "jobs/db.h"
#include "jobs/job.h"

struct jobs;

struct jobs_config {
    uint64_t queue_limit;    /* jobs queued; 0: no limit */
    unsigned max_attempts;   /* starts of a job whose process dies; 0: 3 */
    uint64_t lease_ms;       /* 0: 30,000 */
    uint64_t (*clock)(void); /* milliseconds since 1970; NULL: the system's */
    /*
     * A job has ended, durably, and nobody can see it yet: what it needed can
     * go. Must not call the queue, nor block. May be NULL.
     */
    void (*ended)(void *ctx, const char *id);
    void *ctx;
};

/* db is borrowed. Nothing is recovered yet: see jobs_recover(). */
int jobs_open_sqlite(struct db *db, const struct jobs_config *config,
                     struct jobs **out, struct error *err);

/* The same in memory, for tests. */
int jobs_open_memory(const struct jobs_config *config, struct jobs **out,
                     struct error *err);

/* Nobody waits or listens any more. NULL is fine. */
void jobs_close(struct jobs *j);

struct job_submission {
    const char *id;              /* job_new_id(); NULL: made here */
    const char *model;           /* "owner/name", checked by the caller */
    const char *request;         /* canonical JSON, kept as it is */
    const char *key;             /* job_key(); NULL: the result is not shared */
    const char *idempotency_key; /* NULL: none */
    const char *fingerprint;     /* of the request that carried it */
};

/*
 * Queues a job. *created is false where the job was there before: under the
 * same Idempotency-Key (for as long as the job is kept; ERR_KEY_REUSED where
 * the fingerprint is another), or live with the same key and model.
 * ERR_QUEUE_FULL beyond the limit. Two requests with one Idempotency-Key at the
 * same time are no conflict: one creates the job, the other gets it.
 */
int jobs_submit(struct jobs *j, const struct job_submission *s,
                struct job **out, bool *created, struct error *err);

/*
 * The job that was made under an Idempotency-Key, for requests that could not
 * be checked again: what they name may be gone. *out is NULL if there is none;
 * ERR_KEY_REUSED as above.
 */
int jobs_find_request(struct jobs *j, const char *idempotency_key,
                      const char *fingerprint, struct job **out,
                      struct error *err);

/*
 * The key under which the same input and options share a result: the SHA-256 of
 * both. input names the bytes (digests), options is canonical JSON.
 */
int job_key(const char *input, const char *options, char out[65],
            struct error *err);

/* How far a running job is; zeros before it converts. */
struct job_progress {
    uint64_t bytes_done;
    uint64_t bytes_total;
    uint64_t tensors_done;
    uint64_t tensors_total;
    uint64_t rate;         /* bytes a second, lately */
    uint64_t remaining_ms; /* an estimate; 0: none */
    uint64_t tick;         /* counts reports; the caller's value is ignored */
};

/*
 * The job as it is now; ERR_NOT_FOUND. A few hundred nanoseconds for jobs that
 * were looked at lately. progress may be NULL.
 */
int jobs_get(struct jobs *j, const char *id, struct job **out,
             struct job_progress *progress, struct error *err);

struct job_filter {
    int state;         /* -1: all */
    const char *model; /* NULL: all */
    const char *after; /* id that the page before ended with; NULL: first */
    size_t limit;
};

/* Newest first: jobs_list_done() gives all references back. */
struct job_list {
    struct job **items;
    size_t count;
};

int jobs_list(struct jobs *j, const struct job_filter *f, struct job_list *out,
              struct error *err);
void jobs_list_done(struct job_list *l);

/* Jobs by state. */
void jobs_count(struct jobs *j, uint64_t counts[JOB_STATES]);

/* One change of state; seq counts from 1 in each job. */
struct job_event {
    uint64_t seq;
    uint64_t time;
    enum job_state state;
    unsigned attempt;
};

/* Events after since, oldest first, at most limit; returns how many in *n. */
int jobs_events(struct jobs *j, const char *id, uint64_t since,
                struct job_event *out, size_t limit, size_t *n,
                struct error *err);

/*
 * Waits until the job's version is above version, or its progress' tick above
 * tick (UINT64_MAX: progress does not matter), or ms have passed, which is no
 * error. Sets what jobs_get() sets. ERR_NOT_FOUND once it was removed.
 */
int jobs_wait(struct jobs *j, const char *id, uint64_t version, uint64_t tick,
              unsigned ms, struct job **out, struct job_progress *progress,
              struct error *err);

/*
 * Calls fn after every change or progress of a job, or its removal, from the
 * thread that made it; for those who cannot wait. It may call jobs_get(), and
 * must not block. At most JOBS_LISTENERS; jobs_unlisten() returns when no call
 * is under way.
 */
enum { JOBS_LISTENERS = 8 };
typedef void (*jobs_listener)(void *ctx, const char *id);
int jobs_listen(struct jobs *j, jobs_listener fn, void *ctx, struct error *err);
void jobs_unlisten(struct jobs *j, jobs_listener fn, void *ctx);

/*
 * A queued job is cancelled at once. A running one is marked, for its worker to
 * end it. ERR_JOB_STATE if it has ended. out may be NULL.
 */
int jobs_cancel(struct jobs *j, const char *id, struct job **out,
                struct error *err);

/* Forgets a job that has ended; ERR_JOB_STATE if it has not. */
int jobs_remove(struct jobs *j, const char *id, struct error *err);

/*
 * Forgets jobs that ended before that time (milliseconds since 1970), at most
 * limit of them; *count (may be NULL) tells how many.
 */
int jobs_expire(struct jobs *j, uint64_t before, size_t limit, size_t *count,
                struct error *err);

/* ---- for workers ---- */

/* What to claim; NULL members: anything. */
struct job_pick {
    const char *id;
    const char *key;
};

/*
 * Claims the oldest queued job and makes it JOB_FETCHING; *out is NULL if there
 * is none. Without a pick, a job waits while another with its key runs, whose
 * result it can share.
 */
int jobs_claim(struct jobs *j, const struct job_pick *pick, struct job **out,
               struct error *err);

/*
 * Waits for a change after the one that jobs_changes() counted, or for ms. Ask
 * for the count before claiming, so that nothing is missed in between.
 */
uint64_t jobs_changes(struct jobs *j);
void jobs_wait_work(struct jobs *j, uint64_t since, unsigned ms);

/* Wakes all who wait in jobs_wait_work(). */
void jobs_wake(struct jobs *j);

/* Extends the lease; *cancel tells whether the job is to end. */
int jobs_renew(struct jobs *j, const char *id, uint64_t token, bool *cancel,
               struct error *err);

/* To a later state of running. The text that is not NULL is kept. */
struct job_change {
    enum job_state state;
    const char *revision; /* for JOB_SUCCEEDED */
    const char *problem;  /* for JOB_FAILED */
    const char *report;
};

/*
 * Moves a claimed job on: to a later running state, to an end, or back to
 * JOB_QUEUED, which does not count as an attempt (a marked one is cancelled
 * instead). ERR_JOB_STATE for any other step. out may be NULL.
 */
int jobs_change(struct jobs *j, const char *id, uint64_t token,
                const struct job_change *change, struct job **out,
                struct error *err);

/* Reports progress; lost if the job does not run. */
void jobs_report_progress(struct jobs *j, const char *id,
                          const struct job_progress *p);

/*
 * Puts back what ran under leases that have run out; with all set, whatever
 * runs (at start, when nobody else can have the queue). A job whose attempts
 * are used up fails with ERR_ATTEMPTS. *count (may be NULL): jobs touched.
 */
int jobs_recover(struct jobs *j, bool all, size_t *count, struct error *err);

#endif
