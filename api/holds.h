/*
 * What jobs hold: the uploads that a job's request names, from the moment it is
 * submitted until it has ended, also over a restart. Meanwhile they are neither
 * changed nor removed.
 */
#ifndef SWITCHYARD_API_HOLDS_H
#define SWITCHYARD_API_HOLDS_H

#include <jansson.h>

#include "base/error.h"

struct holds;
struct jobs;
struct uploads;

/*
 * Holds what the jobs that have not ended name; both are borrowed, and outlive
 * *out. Before any of the jobs runs on.
 */
int holds_open(struct jobs *jobs, struct uploads *uploads, struct holds **out,
               struct error *err);
void holds_close(struct holds *h);

/* The uploads that one request names. */
struct hold;

/* ERR_NOT_FOUND where one of them is not there. */
int holds_take(struct holds *h, const json_t *request, struct hold **out,
               struct error *err);

/* Gives back what no job needs after all. NULL is fine. */
void holds_drop(struct holds *h, struct hold *hold);

/* Keeps them until holds_end(); before the job is queued. */
void holds_give_steal(struct holds *h, const char *job, struct hold *hold);

/* The job has ended, or was not made after all. Safe from any thread. */
void holds_end(struct holds *h, const char *job);

/* Removes transient uploads of jobs that have ended; each second. */
void holds_tend(struct holds *h);

#endif
