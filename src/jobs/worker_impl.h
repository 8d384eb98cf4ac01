/*
 * What the files of the worker share; private to jobs/worker*.c.
 */
#ifndef SWITCHYARD_JOBS_WORKER_IMPL_H
#define SWITCHYARD_JOBS_WORKER_IMPL_H

#include <pthread.h>

#include "jobs/worker.h"

/* Why a run was told to end. */
enum worker_end {
    WORKER_GOES_ON,
    WORKER_CANCELLED, /* somebody cancelled the job */
    WORKER_STOPPED,   /* the process is to end: the job goes back */
    WORKER_LOST,      /* the lease is somebody else's */
};

/* A thread and the job that it runs. */
struct worker_slot {
    struct worker *worker;
    pthread_t thread;

    pthread_mutex_t mutex; /* for what follows */
    struct job *job;       /* as claimed; NULL: idle */
    enum worker_end end;
    struct sink *tally; /* while it converts */
    uint64_t tensors;
    bool fresh;      /* the monitor has not seen this run yet */
    bool only_share; /* it may take a result, and not make one */

    struct convert_progress progress; /* its cancel flag ends the run */

    /* The monitor's own. */
    uint64_t seen_bytes;
    uint64_t seen_ms;
    uint64_t renewed_ms;
    double rate;
};

struct worker {
    struct worker_config config; /* defaults filled in */
    struct worker_slot *slots;
    unsigned started; /* threads of slots */
    pthread_t monitor;
    bool monitoring;
    atomic_bool stopping;   /* no new jobs */
    atomic_bool giving_up;  /* those that run go back */
    atomic_bool no_monitor; /* the monitor ends */
};

/* What came of a run. */
struct worker_result {
    struct buf report; /* JSON */
    double seconds[JOB_STATES];
    struct stored_model *model;
};

/*
 * Runs the job of a slot from its input to a stored model. The caller frees
 * what result holds, also after a failure.
 */
int worker_run(struct worker_slot *slot, struct job *job,
               struct worker_result *result, struct error *err);

/* The thread that watches: progress, leases, and lost jobs of others. */
void *worker_watch(void *worker);

/* Tells a run to end, unless it was told before. Thread safe. */
void worker_end(struct worker_slot *slot, enum worker_end why);

void worker_trouble(const struct worker *w, const char *job,
                    const struct error *err);

/* Milliseconds of a clock that never jumps. */
uint64_t worker_now(void);

#endif
