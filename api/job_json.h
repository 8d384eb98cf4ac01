/*
 * Jobs as JSON.
 */
#ifndef SWITCHYARD_API_JOB_JSON_H
#define SWITCHYARD_API_JOB_JSON_H

#include "base/json.h"
#include "jobs/jobs.h"

/* progress may be NULL. */
void job_json(struct json_writer *w, const struct job *job,
              const struct job_progress *progress);

struct exchange;

/* Replies with a job; with status 202 it also tells where it is. */
int job_json_reply(struct exchange *x, unsigned status, const struct job *job,
                   const struct job_progress *progress, struct error *err);

#endif
