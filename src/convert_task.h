/*
 * One task of a running conversion; private to convert.c and convert_task.c.
 */
#ifndef SWITCHYARD_CONVERT_TASK_H
#define SWITCHYARD_CONVERT_TASK_H

#include <pthread.h>

#include "convert.h"
#include "schedule.h"
#include "workspace.h"

/* What the workers share. */
struct run {
    const struct plan *plan;
    const struct convert_options *options;
    struct schedule schedule;
    struct workspaces *workspaces;
    struct sink_file **files;
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

#endif
