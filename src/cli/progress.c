/*
 * The progress bar: a thread that looks at the counters ten times a second.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "cli/cli.h"

enum { BAR_WIDTH = 30, TICK_MS = 100 };

struct cli_progress {
    struct convert_progress *watched;
    pthread_t thread;
    pthread_mutex_t lock; /* guards stop */
    pthread_cond_t wake;
    bool stop;
    bool drawn;
};

static void draw(struct cli_progress *p, double seconds)
{
    uint64_t total = p->watched->bytes_total;
    uint64_t done = atomic_load(&p->watched->bytes_done);
    double part = total ? (double)done / (double)total : 0;
    int filled = (int)(part * BAR_WIDTH);
    char size[32];
    char rate[32];

    if (total == 0)
        return;
    fprintf(stderr, "\r[%.*s%*s] %3d %%  %s  %s/s ", filled,
            "##############################", BAR_WIDTH - filled, "",
            (int)(part * 100), num_format_size(done, size),
            num_format_size((uint64_t)((double)done / seconds), rate));
    if (done > 0 && done < total)
        fprintf(stderr, " %.0f s left   ", seconds * (1 - part) / part);
    fflush(stderr);
    p->drawn = true;
}

static struct timespec after_ms(const struct timespec *t, long ms)
{
    struct timespec sum = *t;

    sum.tv_nsec += ms * 1000000;
    sum.tv_sec += sum.tv_nsec / 1000000000;
    sum.tv_nsec %= 1000000000;
    return sum;
}

static void *watch(void *arg)
{
    struct cli_progress *p = arg;
    struct timespec now;
    struct timespec next;
    double seconds = 0;

    pthread_mutex_lock(&p->lock);
    while (!p->stop) {
        clock_gettime(CLOCK_REALTIME, &now);
        next = after_ms(&now, TICK_MS);
        pthread_cond_timedwait(&p->wake, &p->lock, &next);
        seconds += TICK_MS / 1e3;
        draw(p, seconds);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

int cli_progress_start(struct convert_progress *watched, bool quiet,
                       struct cli_progress **out, struct error *err)
{
    struct cli_progress *p;

    *out = NULL;
    if (quiet || !isatty(STDERR_FILENO))
        return 0;
    p = calloc(1, sizeof *p);
    if (!p)
        return error_memory(err);
    p->watched = watched;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    if (pthread_create(&p->thread, NULL, watch, p) != 0) {
        free(p);
        return error_set(err, ERR_MEMORY, "cannot start a thread");
    }
    *out = p;
    return 0;
}

void cli_progress_stop(struct cli_progress *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    if (p->drawn)
        fputc('\n', stderr);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
