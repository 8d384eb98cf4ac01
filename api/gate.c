/*
 * The gate: a counter, and a queue of those who wait, each on its own stack.
 */
#include "gate.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* How often a waiting thread looks whether it was cancelled. */
enum { LOOK_MS = 100 };

struct waiter {
    struct waiter *next;
};

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    unsigned max_inside, inside;
    unsigned max_waiting, waiting;
    struct waiter *first; /* in the order of coming */
};

int gate_new(unsigned inside, unsigned waiting, struct gate **out,
             struct error *err)
{
    struct gate *g = calloc(1, sizeof *g);

    if (!g)
        return error_memory(err);
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->moved, NULL);
    g->max_inside = inside;
    g->max_waiting = waiting;
    *out = g;
    return 0;
}

void gate_free(struct gate *g)
{
    if (!g)
        return;
    pthread_cond_destroy(&g->moved);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

static bool is_full(const struct gate *g)
{
    return g->inside >= g->max_inside && g->waiting >= g->max_waiting;
}

bool gate_is_full(struct gate *g)
{
    bool full;

    pthread_mutex_lock(&g->lock);
    full = is_full(g);
    pthread_mutex_unlock(&g->lock);
    return full;
}

static void join_queue(struct gate *g, struct waiter *w)
{
    struct waiter **link = &g->first;

    while (*link)
        link = &(*link)->next;
    *link = w;
    g->waiting++;
}

static void leave_queue(struct gate *g, const struct waiter *w)
{
    struct waiter **link = &g->first;

    while (*link != w)
        link = &(*link)->next;
    *link = w->next;
    g->waiting--;
    pthread_cond_broadcast(&g->moved);
}

static void wait_a_moment(struct gate *g)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += LOOK_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&g->moved, &g->lock, &until);
}

int gate_enter(struct gate *g, const atomic_bool *cancel, struct error *err)
{
    struct waiter w = { NULL };
    int rc = 0;

    pthread_mutex_lock(&g->lock);
    if (is_full(g)) {
        pthread_mutex_unlock(&g->lock);
        error_set(err, ERR_BUSY, "too many conversions wait already");
        return error_hint(err, "try again later");
    }
    join_queue(g, &w);
    while (!*cancel && (g->first != &w || g->inside >= g->max_inside))
        wait_a_moment(g);
    leave_queue(g, &w);
    if (*cancel)
        rc = error_set(err, ERR_CANCELLED, "the conversion was cancelled");
    else
        g->inside++;
    pthread_mutex_unlock(&g->lock);
    return rc;
}

void gate_leave(struct gate *g)
{
    pthread_mutex_lock(&g->lock);
    g->inside--;
    pthread_cond_broadcast(&g->moved);
    pthread_mutex_unlock(&g->lock);
}
