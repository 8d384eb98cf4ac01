/*
 * One task of a running conversion; private to convert.c and convert_task.c.
 */
#ifndef SWITCHYARD_CONVERT_TASK_H
#define SWITCHYARD_CONVERT_TASK_H

#include <pthread.h>

#include "convert.h"
#include "schedule.h"
#include "workspace.h"

/*
 * How far reading ahead has come: the next chunk to tell the store of. No chunk
 * before it will be told any more.
 */
struct ahead {
    bool on;
    pthread_mutex_t lock; /* guards what follows */
    uint64_t task;
    uint64_t chunk; /* of the task's */
};

/* What the workers share. */
struct run {
    const struct plan *plan;
    const struct convert_options *options;
    struct schedule schedule;
    struct workspaces *workspaces;
    struct sink_file **files;
    struct ahead ahead;
    _Atomic uint64_t next; /* the number of the next task */
    _Atomic uint64_t overflowed;
    _Atomic uint64_t missing;
    atomic_bool failed;
    pthread_mutex_t lock; /* guards what follows */
    struct error error;   /* the first, once failed */
    size_t overflow;      /* the first tensor with an overflow, or SIZE_MAX */
};

/* Non-zero where work is to end: another thread failed, or it was asked to. */
int convert_check_stop(const struct run *r, struct error *err);

/* Reads, moves and writes all that the task covers. */
int convert_task(struct run *r, const struct task *task, struct workspace *ws,
                 struct error *err);

/*
 * Has the store fetch ahead as much as it has room for, in the order of the
 * tasks. Called before a task's chunk is read, which makes room.
 */
void convert_ahead(struct run *r, const struct task *task, uint64_t chunk);

/*
 * Lets the store read ahead, if that is of use, within half of *memory, which
 * is then less by what of it the store takes. Ended by convert_ahead_stop(),
 * called in any case.
 */
int convert_ahead_start(struct run *r, uint64_t *memory, struct error *err);
void convert_ahead_stop(struct run *r);

#endif
