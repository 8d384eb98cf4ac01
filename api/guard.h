/*
 * The guard: who may make a request, from where, and how many.
 */
#ifndef SWITCHYARD_API_GUARD_H
#define SWITCHYARD_API_GUARD_H

#include "exchange.h"

/* Before anything of a request is done. Sets x->who. */
int guard_check(struct exchange *x, struct error *err);

/* What an error of guard_check() wants in its reply. */
void guard_add_challenge(const struct exchange *x, enum error_code code,
                         struct MHD_Response *r);

/* Whether this is a browser's question before a request of another origin. */
bool guard_is_preflight(const struct exchange *x);

/*
 * CORS headers where the origin is allowed: on every reply, and on the answer
 * to a preflight what may be sent. methods is as the Allow header has it.
 */
void guard_add_cors(const struct exchange *x, struct MHD_Response *r);
void guard_add_preflight(const struct exchange *x, const char *methods,
                         struct MHD_Response *r);

#endif
