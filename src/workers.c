/*
 * Starting threads, and waiting for them.
 */
#include "workers.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_THREADS = 1024 };

static unsigned count_cpus(void)
{
    cpu_set_t set;
    long n;

    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (unsigned)CPU_COUNT(&set);
    n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1;
}

unsigned workers_count(unsigned asked)
{
    unsigned n = asked ? asked : count_cpus();

    return n < MAX_THREADS ? n : MAX_THREADS;
}

int workers_run(unsigned n, void *(*work)(void *arg), void *arg,
                struct error *err)
{
    pthread_t *helpers = calloc(n ? n : 1, sizeof *helpers);
    unsigned started = 0;

    if (!helpers)
        return error_memory(err);
    while (started + 1 < n &&
           pthread_create(&helpers[started], NULL, work, arg) == 0)
        started++;
    work(arg);
    for (unsigned i = 0; i < started; i++)
        pthread_join(helpers[i], NULL);
    free(helpers);
    return 0;
}
