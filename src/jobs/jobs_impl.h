/*
 * What jobs.c and jobs_work.c share; private to them.
 */
#ifndef SWITCHYARD_JOBS_JOBS_IMPL_H
#define SWITCHYARD_JOBS_JOBS_IMPL_H

#include <pthread.h>

#include "jobs/jobs_backend.h"
#include "jobs/jobs_live.h"

struct jobs {
    struct jobs_backend *backend;
    struct jobs_config config; /* defaults filled in */
    struct live *live;
    pthread_mutex_t writing; /* from a transaction's begin to its live_put() */
    _Atomic uint64_t counts[JOB_STATES]; /* written under writing */
};

/*
 * A change of one job, under way. job is the record as it will be: load or make
 * it, change it, then jobs_step_end().
 */
struct jobs_step {
    struct jobs *jobs;
    struct db_tx *tx;
    struct job *job;
    enum job_state before; /* JOB_STATES: the job is new */
    uint64_t now;
};

/* Begins one, with no job yet. */
int jobs_step_begin(struct jobs *j, struct jobs_step *s, struct error *err);

/* Takes over a record that the backend has found; it may be changed. */
void jobs_step_use(struct jobs_step *s, struct job *steal);

/* Loads the job; ERR_NOT_FOUND. */
int jobs_step_load(struct jobs_step *s, const char *id, struct error *err);

/* Stores the record with a new version and an event for its state. */
int jobs_step_save(struct jobs_step *s, struct error *err);

/*
 * Ends it, commits if rc is 0. Hands the record out (out may be NULL) or frees
 * it, and tells who waits. Returns rc or why the commit failed.
 */
int jobs_step_end(struct jobs_step *s, int rc, struct job **out,
                  struct error *err);

int jobs_not_found(const char *id, struct error *err);

#endif
