/*
 * Counting memory, and reusing it.
 *
 * Tasks come with falling need, so a workspace at rest nearly always fits the
 * next task. One that is much too large is given back where somebody waits:
 * then more, smaller ones find room beside each other.
 */
#include "workspace.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/num.h"

/* How many budgets a single chunk may have, and what T5X makes of them. */
enum { OVER_BUDGET = 4, USUAL_CHUNK = 64 << 20 };

struct workspaces {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t budget;
    uint64_t charged; /* by all workspaces there are */
    unsigned busy;
    unsigned waiting;
    bool stopped;
    struct workspace *resting;
};

int workspaces_new(uint64_t budget, struct workspaces **out, struct error *err)
{
    struct workspaces *p = calloc(1, sizeof *p);

    if (!p)
        return error_memory(err);
    p->budget = budget;
    if (pthread_mutex_init(&p->lock, NULL) != 0) {
        free(p);
        return error_memory(err);
    }
    if (pthread_cond_init(&p->changed, NULL) != 0) {
        pthread_mutex_destroy(&p->lock);
        free(p);
        return error_memory(err);
    }
    *out = p;
    return 0;
}

int workspaces_check(const struct array *a, uint64_t budget, struct error *err)
{
    uint64_t most;

    if (!num_mul(budget, OVER_BUDGET, &most))
        most = UINT64_MAX;
    most = num_max(most, USUAL_CHUNK);
    if (array_chunk_bytes(a) <= most)
        return 0;
    error_set(err, ERR_LIMIT,
              "a chunk of array %.200s is too large for the memory budget",
              a->name);
    error_subject(err, "%s", a->name);
    error_expected(err, "at most %llu bytes", (unsigned long long)most);
    error_actual(err, "%llu bytes", (unsigned long long)array_chunk_bytes(a));
    return error_hint(err, "allow more with --memory");
}

static void destroy(struct workspaces *p, struct workspace *w)
{
    p->charged -= w->charge;
    scratch_free(w->scratch);
    free(w->out);
    free(w);
}

void workspaces_free(struct workspaces *p)
{
    struct workspace *w;

    if (!p)
        return;
    while ((w = p->resting) != NULL) {
        p->resting = w->next;
        destroy(p, w);
    }
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static int create(struct workspaces *p, uint64_t need, struct workspace **out,
                  struct error *err)
{
    struct workspace *w = calloc(1, sizeof *w);
    int rc;

    if (!w)
        return error_memory(err);
    rc = scratch_new(&w->scratch, err);
    if (rc) {
        free(w);
        return rc;
    }
    w->charge = need;
    p->charged += need;
    p->busy++;
    *out = w;
    return 0;
}

static bool affordable(const struct workspaces *p, uint64_t more)
{
    return p->charged <= p->budget && more <= p->budget - p->charged;
}

/*
 * One step towards a workspace, with the lock held: takes one, makes one, or
 * destroys a resting one to get room. *out stays NULL, and *wait is set if
 * nothing can be done before another thread gives one back.
 */
static int advance(struct workspaces *p, uint64_t need, struct workspace **out,
                   bool *wait, struct error *err)
{
    struct workspace *w = p->resting;
    uint64_t more;

    *wait = false;
    if (!w) {
        if (affordable(p, need) || p->busy == 0)
            return create(p, need, out, err);
        *wait = true;
        return 0;
    }
    p->resting = w->next;
    more = need > w->charge ? need - w->charge : 0;
    if (!affordable(p, more) || (p->waiting > 0 && w->charge / 2 > need)) {
        destroy(p, w);
        return 0;
    }
    w->charge += more;
    p->charged += more;
    p->busy++;
    *out = w;
    return 0;
}

int workspaces_take(struct workspaces *p, uint64_t need, struct workspace **out,
                    struct error *err)
{
    bool wait;
    int rc = 0;

    *out = NULL;
    pthread_mutex_lock(&p->lock);
    while (!rc && !*out && !p->stopped) {
        rc = advance(p, need, out, &wait, err);
        if (rc || !wait)
            continue;
        p->waiting++;
        pthread_cond_wait(&p->changed, &p->lock);
        p->waiting--;
    }
    pthread_mutex_unlock(&p->lock);
    return rc;
}

void workspaces_give(struct workspaces *p, struct workspace *w)
{
    pthread_mutex_lock(&p->lock);
    p->busy--;
    w->next = p->resting;
    p->resting = w;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

void workspaces_stop(struct workspaces *p)
{
    pthread_mutex_lock(&p->lock);
    p->stopped = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

/* Large buffers get huge pages where the system has them to give. */
enum { HUGE_PAGE = 2 << 20, LINE = 64 };

/* What rounding up to them may take beyond a charge. */
enum { SLACK = 2 * HUGE_PAGE };

void workspace_fit(struct workspace *w, uint64_t chunk, uint64_t out)
{
    if (scratch_bytes(w->scratch, chunk) + num_max(w->room, out) <=
        w->charge + SLACK)
        return;
    scratch_trim(w->scratch);
    free(w->out);
    w->out = NULL;
    w->room = 0;
}

int workspace_reserve(struct workspace *w, size_t bytes, struct error *err)
{
    size_t unit = bytes < HUGE_PAGE ? LINE : HUGE_PAGE;

    if (bytes <= w->room)
        return 0;
    free(w->out);
    w->out = NULL;
    w->room = 0;
    if (bytes > SIZE_MAX - unit)
        return error_memory(err);
    bytes = (bytes + unit - 1) / unit * unit;
    w->out = aligned_alloc(unit, bytes);
    if (!w->out)
        return error_memory(err);
    w->room = bytes;
    /* Only a hint: without them it is slower. */
    if (unit == HUGE_PAGE)
        (void)madvise(w->out, bytes, MADV_HUGEPAGE);
    return 0;
}
