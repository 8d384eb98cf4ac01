/*
 * Workers: threads that claim jobs and turn each into a stored model.
 *
 * A job goes through fetching (its input is resolved), planning, converting
 * (into a stage of the models) and publishing. Whatever ends the process in
 * between, the job runs again from its start when the next one begins, and
 * gives the same bytes.
 */
#ifndef SWITCHYARD_JOBS_WORKER_H
#define SWITCHYARD_JOBS_WORKER_H

#include "conversion.h"
#include "jobs/jobs.h"
#include "jobs/models.h"

struct worker;

/* What a job's request names. */
struct worker_input {
    struct store *store; /* where the checkpoint is; the worker's */
    char *folder;        /* of it in the store; NULL: "". The worker's */
    struct request
        request; /* options, gin, config; as request_init() left it */
    void *held;  /* for release() */
};

struct worker_hooks {
    /*
     * Fills input from the job's request; blocks as long as it has to, but ends
     * soon once *cancel is set (ERR_CANCELLED). What it filled is freed in any
     * case. Called from several threads.
     */
    int (*resolve)(void *ctx, const struct job *job, const atomic_bool *cancel,
                   struct worker_input *input, struct error *err);
    /* The job needs its input no more; held is not NULL. May be NULL. */
    void (*release)(void *ctx, void *held);
    /* A stage (a running state) has ended, well or not. May be NULL. */
    void (*stage)(void *ctx, enum job_state stage, double seconds);
    /*
     * What a log should have: job is NULL where none is concerned. A job that
     * fails by its own fault is told by its record alone. May be NULL.
     */
    void (*trouble)(void *ctx, const char *job, const struct error *err);
    void *ctx;
};

struct worker_config {
    struct jobs *jobs;
    struct models *models;
    struct worker_hooks hooks;
    unsigned jobs_at_once; /* 0: 1 */
    unsigned threads;      /* of one conversion; 0: one for each CPU */
    uint64_t memory;       /* budget of one conversion; 0: convert.h's */
    uint64_t lease_ms;     /* as the queue has it; 0: 30,000 */
};

/*
 * Puts back what a dead process ran (nobody else has the queue), and begins to
 * work. What config names outlives the worker.
 */
int worker_start(const struct worker_config *config, struct worker **out,
                 struct error *err);

/*
 * jobs_submit(), and where the result is there already (same key), the job
 * succeeds at once, whatever waits before it. After worker_stop() it waits for
 * the next start.
 */
int worker_submit(struct worker *w, const struct job_submission *s,
                  struct job **out, bool *created, struct error *err);

/*
 * Takes no more jobs, waits up to grace_ms for those that run, then puts back
 * the rest, which takes about as long as a chunk. Other threads may submit
 * meanwhile, and afterwards.
 */
void worker_stop(struct worker *w, unsigned grace_ms);

/* Stops it if need be. Nobody uses it any more. NULL is fine. */
void worker_free(struct worker *w);

#endif
