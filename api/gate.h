/*
 * The gate: how many conversions run, and how many may wait for that.
 */
#ifndef SWITCHYARD_API_GATE_H
#define SWITCHYARD_API_GATE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/error.h"

struct gate;

/* At most inside threads are inside, and at most waiting wait before it. */
int gate_new(unsigned inside, unsigned waiting, struct gate **out,
             struct error *err);
void gate_free(struct gate *g); /* when all have left */

/* Whether gate_enter() would refuse now. */
bool gate_is_full(struct gate *g);

/*
 * Enters, in the order of coming; waits if needed. ERR_BUSY where too many wait
 * already, ERR_CANCELLED when *cancel becomes true. Only after 0 the caller
 * has to gate_leave().
 */
int gate_enter(struct gate *g, const atomic_bool *cancel, struct error *err);
void gate_leave(struct gate *g);

#endif
