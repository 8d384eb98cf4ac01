/*
 * Working memory for tasks, within one budget.
 *
 * A workspace keeps its buffers for the next task, so its pages are faulted in
 * once. All workspaces together, those at work and those at rest, stay within
 * the budget; only a task larger than the budget exceeds it, and runs alone.
 */
#ifndef SWITCHYARD_WORKSPACE_H
#define SWITCHYARD_WORKSPACE_H

#include <stddef.h>
#include <stdint.h>

#include "checkpoint/array.h"

/* The budget where none is stated. */
#define WORKSPACES_BUDGET ((uint64_t)512 << 20)

struct workspace {
    struct workspace *next; /* while it rests */
    struct scratch *scratch;
    unsigned char *out; /* for what is about to be written */
    size_t room;        /* bytes there */
    uint64_t charge;    /* bytes of the budget that it stands for */
};

struct workspaces;

int workspaces_new(uint64_t budget, struct workspaces **out, struct error *err);

/*
 * A chunk is decoded as a whole. One that is far larger than the budget would
 * break the promise that it is, and may be a forged one: ERR_LIMIT, if it is
 * more than four budgets and more than the 64 MiB that T5X makes of them.
 */
int workspaces_check(const struct array *a, uint64_t budget, struct error *err);

/* No workspace is taken. NULL is fine. */
void workspaces_free(struct workspaces *p);

/*
 * Takes one for a task of need bytes; waits until the budget allows it. NULL,
 * without an error, after workspaces_stop().
 */
int workspaces_take(struct workspaces *p, uint64_t need, struct workspace **out,
                    struct error *err);
void workspaces_give(struct workspaces *p, struct workspace *w);

/* Ends all waiting, now and later. */
void workspaces_stop(struct workspaces *p);

/*
 * To be called before a task that reads chunks of chunk bytes and reserves out
 * bytes. A workspace that held both what a task before it needed and what this
 * one does would exceed its charge: then it gives back the former.
 */
void workspace_fit(struct workspace *w, uint64_t chunk, uint64_t out);

/* Makes room for bytes in out; what was there is lost. */
int workspace_reserve(struct workspace *w, size_t bytes, struct error *err);

#endif
