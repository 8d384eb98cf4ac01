/*
 * Some of a plan's files as a plan of their own.
 */
#ifndef SWITCHYARD_SHARE_PLAN_H
#define SWITCHYARD_SHARE_PLAN_H

#include "plan.h"

/*
 * Deals the files with tensors out to count shares, by bytes and always in the
 * same way: sets share[i] of each file, UINT32_MAX for the others.
 */
int share_deal(const struct plan *p, uint32_t count, uint32_t *share,
               struct error *err);

/*
 * The marked files, for convert_run(). Names and heads are those of p, which
 * must outlive it.
 */
int share_plan_make(const struct plan *p, const bool *marked, struct plan **out,
                    struct error *err);
void share_plan_free(struct plan *p); /* NULL is fine */

#endif
