/*
 * What the service measures of itself, for GET /metrics.
 */
#ifndef SWITCHYARD_API_MEASURE_H
#define SWITCHYARD_API_MEASURE_H

#include "exchange.h"

struct measure;

/* Declares all metrics; the service's resources are open, and outlive it. */
int measure_new(struct service *s, struct measure **out, struct error *err);
void measure_free(struct measure *m);

/* Counts a request that has ended. Thread safe. */
void measure_request(struct measure *m, const struct exchange *x,
                     double seconds);

/* Counts a stage of a job. Thread safe. */
void measure_stage(struct measure *m, enum job_state stage, double seconds);

/* GET /metrics */
int measure_get(struct exchange *x, struct error *err);

#endif
