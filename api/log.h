/*
 * The log: one line on standard error for each thing worth knowing.
 */
#ifndef SWITCHYARD_API_LOG_H
#define SWITCHYARD_API_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* "error", "info", "debug"; false for anything else. */
bool log_level_by_name(const char *name, enum log_level *out);

/* What is less important than level is not written; LOG_LEVEL_INFO at first. */
void log_set_level(enum log_level level);

/*
 * Time, level and text, in one write. Control characters in the text are
 * written as '?', so nobody else can start a line. Thread safe.
 */
void log_line(enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
