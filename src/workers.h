/*
 * Threads that do one piece of work together.
 */
#ifndef SWITCHYARD_WORKERS_H
#define SWITCHYARD_WORKERS_H

#include "base/error.h"

/* How many to use: what was asked for, or with 0 one for each CPU that this
   process may use. */
unsigned workers_count(unsigned asked);

/*
 * Runs work(arg) in this thread and in n - 1 others, as many of them as can be
 * started, and returns when all have ended. What work returns is not looked at.
 */
int workers_run(unsigned n, void *(*work)(void *arg), void *arg,
                struct error *err);

#endif
