/*
 * Reading ahead.
 *
 * Of a store far away a few threads that wait for one chunk each would see
 * little. So the run tells it, in the order of its tasks, which chunks come
 * next, until it has no more room; whoever reads a chunk first goes on with
 * that. What was told is read by somebody, so nothing is fetched for nothing. A
 * store on this machine has the system do so, in its page cache.
 */
#include "base/num.h"
#include "convert_task.h"

int convert_ahead_start(struct run *r, uint64_t *memory, struct error *err)
{
    struct store *s = r->plan->checkpoint->store;
    uint64_t taken = 0;

    if (!s || !store_set_ahead(s, *memory / 2, &taken))
        return 0;
    if (pthread_mutex_init(&r->ahead.lock, NULL) != 0) {
        store_set_ahead(s, 0, NULL);
        return error_memory(err);
    }
    r->ahead.on = true;
    *memory -= taken;
    return 0;
}

void convert_ahead_stop(struct run *r)
{
    if (!r->ahead.on)
        return;
    r->ahead.on = false;
    pthread_mutex_destroy(&r->ahead.lock);
    store_set_ahead(r->plan->checkpoint->store, 0, NULL);
}

/* Tells of a task's chunks; false where the store has no more room. */
static bool tell_task(struct ahead *a, const struct task *t)
{
    const struct work *w = t->work;
    struct box at = t->chunks;
    uint64_t count = t->chunks.to[w->along] - t->chunks.from[w->along];

    for (; a->chunk < count; a->chunk++) {
        at.from[w->along] = t->chunks.from[w->along] + a->chunk;
        if (!array_soon(w->array, grid_index(&w->grid, at.from)))
            return false;
    }
    return true;
}

void convert_ahead(struct run *r, const struct task *task, uint64_t chunk)
{
    struct ahead *a = &r->ahead;
    bool room = true;

    if (!a->on)
        return;
    pthread_mutex_lock(&a->lock);
    while (room && a->task < r->schedule.tasks) {
        const struct task t = schedule_task(&r->schedule, a->task);

        room = tell_task(a, &t);
        if (room) {
            a->task++;
            a->chunk = 0;
        }
    }
    /* Where there was no room, the reader has overtaken. */
    if (a->task < task->number ||
        (a->task == task->number && a->chunk <= chunk)) {
        a->task = task->number;
        a->chunk = chunk + 1;
    }
    pthread_mutex_unlock(&a->lock);
}
