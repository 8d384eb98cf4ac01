/*
 * What is known of jobs without asking the backend: the records looked at
 * lately, progress, and who waits for news.
 *
 * Thread safe. A record is put after its transaction has ended, by one thread
 * at a time; a missing one is loaded while nothing else can be put. So what
 * is found here is never older than what was committed before.
 */
#ifndef SWITCHYARD_JOBS_JOBS_LIVE_H
#define SWITCHYARD_JOBS_JOBS_LIVE_H

#include "jobs/jobs.h"

enum { LIVE_KEPT = 4096 /* records; running jobs come on top */ };

struct live;

/* Sets *out to a record of the caller's, or fails; for live_get(). */
typedef int (*live_loader)(void *ctx, const char *id, struct job **out,
                           struct error *err);

int live_new(live_loader load, void *ctx, struct live **out, struct error *err);
void live_free(struct live *l);

/* These wake who waits; put takes a reference. */
void live_put(struct live *l, struct job *job);
void live_drop(struct live *l, const char *id);

/* Calls the listeners: after the two above, once the caller has no lock. */
void live_tell(struct live *l, const char *id);

/* Sets progress and calls the listeners. */
void live_set_progress(struct live *l, const char *id,
                       const struct job_progress *p);

/* As jobs_get(), jobs_wait(), jobs_listen() and jobs_unlisten(). */
int live_get(struct live *l, const char *id, struct job **out,
             struct job_progress *progress, struct error *err);
int live_wait(struct live *l, const char *id, uint64_t version, uint64_t tick,
              unsigned ms, struct job **out, struct job_progress *progress,
              struct error *err);
int live_listen(struct live *l, jobs_listener fn, void *ctx, struct error *err);
void live_unlisten(struct live *l, jobs_listener fn, void *ctx);

/*
 * Waits for anything to change since the count that live_changes() gave, or for
 * ms; live_wake() counts as a change.
 */
uint64_t live_changes(struct live *l);
void live_wait_change(struct live *l, uint64_t since, unsigned ms);
void live_wake(struct live *l);

#endif
