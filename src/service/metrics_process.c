/*
 * The metrics that every process has, by the names that all Prometheus clients
 * use, read from /proc when they are asked for.
 */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "service/metrics.h"

/* Fields of /proc/self/stat, counted as proc(5) does. */
enum { FIELD_THREADS = 20, FIELD_START = 22, FIELD_VSIZE = 23, FIELD_RSS = 24 };

static double read_field(int field)
{
    char text[1024];
    FILE *f = fopen("/proc/self/stat", "re");
    size_t len = f ? fread(text, 1, sizeof text - 1, f) : 0;
    char *p;

    if (f)
        fclose(f);
    text[len] = '\0';
    p = strrchr(text, ')'); /* the end of field 2, which may hold blanks */
    for (int i = 2; p && i < field; i++)
        p = strchr(p + 1, ' ');
    return p ? strtod(p + 1, NULL) : NAN;
}

static double read_cpu(void *ctx, unsigned series)
{
    struct timespec t;

    (void)ctx;
    (void)series;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) != 0)
        return NAN;
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double read_resident(void *ctx, unsigned series)
{
    (void)ctx;
    (void)series;
    return read_field(FIELD_RSS) * (double)sysconf(_SC_PAGESIZE);
}

static double read_virtual(void *ctx, unsigned series)
{
    (void)ctx;
    (void)series;
    return read_field(FIELD_VSIZE);
}

static double read_threads(void *ctx, unsigned series)
{
    (void)ctx;
    (void)series;
    return read_field(FIELD_THREADS);
}

static double read_fds(void *ctx, unsigned series)
{
    DIR *dir = opendir("/proc/self/fd");
    double n = -3; /* ".", ".." and the folder's own descriptor */

    (void)ctx;
    (void)series;
    if (!dir)
        return NAN;
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static double read_max_fds(void *ctx, unsigned series)
{
    struct rlimit limit;

    (void)ctx;
    (void)series;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return NAN;
    return limit.rlim_cur == RLIM_INFINITY ? INFINITY : (double)limit.rlim_cur;
}

/* Ticks since boot, and when that was. */
static double read_start(void *ctx, unsigned series)
{
    struct timespec real;
    struct timespec boot;
    double started = read_field(FIELD_START) / (double)sysconf(_SC_CLK_TCK);

    (void)ctx;
    (void)series;
    if (clock_gettime(CLOCK_REALTIME, &real) != 0 ||
        clock_gettime(CLOCK_BOOTTIME, &boot) != 0)
        return NAN;
    return (double)(real.tv_sec - boot.tv_sec) + started;
}

static double read_one(void *ctx, unsigned series)
{
    (void)ctx;
    (void)series;
    return 1;
}

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

static const char *const version[] = { PACKAGE_VERSION };
static const char *const compiler[] = { COMPILER };

static const struct metric_spec specs[] = {
    { .name = "switchyard_build_info",
      .help = "What is running; the value is always 1.",
      .type = METRIC_GAUGE,
      .labels = { { "version", version, 1 }, { "compiler", compiler, 1 } },
      .read = read_one },
    { .name = "process_cpu_seconds_total",
      .help = "User and system time in seconds.",
      .type = METRIC_COUNTER,
      .read = read_cpu },
    { .name = "process_resident_memory_bytes",
      .help = "Resident memory in bytes.",
      .type = METRIC_GAUGE,
      .read = read_resident },
    { .name = "process_virtual_memory_bytes",
      .help = "Virtual memory in bytes.",
      .type = METRIC_GAUGE,
      .read = read_virtual },
    { .name = "process_threads",
      .help = "Threads of the process.",
      .type = METRIC_GAUGE,
      .read = read_threads },
    { .name = "process_open_fds",
      .help = "Open file descriptors.",
      .type = METRIC_GAUGE,
      .read = read_fds },
    { .name = "process_max_fds",
      .help = "The most file descriptors that may be open.",
      .type = METRIC_GAUGE,
      .read = read_max_fds },
    { .name = "process_start_time_seconds",
      .help = "When the process started, in seconds since 1970.",
      .type = METRIC_GAUGE,
      .read = read_start },
};

int metrics_declare_process(struct metrics *m, struct error *err)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < sizeof specs / sizeof *specs; i++)
        rc = metrics_declare(m, &specs[i], NULL, err);
    return rc;
}
