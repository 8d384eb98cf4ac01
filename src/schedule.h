/*
 * The schedule: a plan's arrays cut into tasks that can be done in any order.
 *
 * A task is a box of chunks of one array. It is made so that what it writes
 * lies in few and long stretches, and that it fits in memory.
 */
#ifndef SWITCHYARD_SCHEDULE_H
#define SWITCHYARD_SCHEDULE_H

#include "grid.h"
#include "plan.h"

/* What chunks are moved through on their way to the file. */
#define SCHEDULE_BAND ((uint64_t)4 << 20)

/* An array that tensors are made of. */
struct work {
    const struct array *array;
    struct grid grid;
    const size_t *tensors; /* indexes into the plan; borrowed */
    size_t tensor_count;
    uint64_t *slabs; /* chunk coordinates along slices that are wanted */
    size_t slab_count;
    unsigned along; /* the dimension along which a task joins chunks */
    uint64_t span;  /* how many at most */
    uint64_t need;  /* bytes of memory for a task */
    uint64_t first; /* the number of its first task */
};

struct schedule {
    struct work *works; /* those with most need first */
    size_t count;
    uint64_t tasks;
    uint64_t chunks; /* that will be read */
    uint64_t bytes;  /* of tensors that will be written */
};

struct task {
    uint64_t number;
    const struct work *work;
    struct box chunks;
};

/* share is the memory that a task should keep to if it can. */
int schedule_make(const struct plan *p, uint64_t share, struct schedule *out,
                  struct error *err);
void schedule_done(struct schedule *s);

/* Task i of s->tasks. */
struct task schedule_task(const struct schedule *s, uint64_t i);

/* The slice of its array that a tensor is made of. */
uint64_t schedule_slice(const struct plan_tensor *t);

/*
 * Goes through the tensors that take something of the slices of a box: the
 * position in w->tensors of the first at i or behind; tensor_count at the end.
 */
size_t schedule_taker(const struct plan *p, const struct work *w,
                      const struct box *elements, size_t i);

#endif
