/*
 * A sink that counts the tensors that are complete, and passes everything on.
 */
#ifndef SWITCHYARD_JOBS_TALLY_H
#define SWITCHYARD_JOBS_TALLY_H

#include "plan.h"
#include "store/sink.h"

/*
 * Takes the sink over, also on failure; p is borrowed. tally_done() may be
 * called from any thread while the sink lives.
 */
int tally_open_steal(struct sink *to, const struct plan *p, struct sink **out,
                     struct error *err);
uint64_t tally_done(const struct sink *s);

#endif
