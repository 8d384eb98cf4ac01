/*
 * The log.
 */
#include "log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048 };

static const char *const names[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

static _Atomic int threshold = LOG_LEVEL_INFO;

bool log_level_by_name(const char *name, enum log_level *out)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!strcmp(name, names[i])) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_set_level(enum log_level level)
{
    threshold = (int)level;
}

/* "2026-11-24T08:12:13.456Z info " */
static size_t put_head(char *line, size_t size, enum log_level level)
{
    struct timespec now;
    struct tm tm;
    size_t n;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    n = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &tm);
    n += (size_t)snprintf(line + n, size - n, ".%03ldZ %s ",
                          now.tv_nsec / 1000000, names[level]);
    return n;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;
    size_t n;
    int more;

    if ((int)level > threshold)
        return;
    n = put_head(line, sizeof line, level);
    va_start(args, fmt);
    more = vsnprintf(line + n, sizeof line - n - 1, fmt, args);
    va_end(args);
    if (more > 0)
        n += (size_t)more;
    if (n > sizeof line - 2)
        n = sizeof line - 2;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    line[n++] = '\n';
    /* There is nowhere to report a failure to. */
    if (write(STDERR_FILENO, line, n) < 0)
        return;
}
