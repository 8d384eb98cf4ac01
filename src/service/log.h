/*
 * The service's log: one line an event, as JSON or as text, on one descriptor.
 *
 * A line is at most LOG_LINE_MAX bytes and leaves by a single write(2), so that
 * lines of several threads, or of several processes on one pipe, never mix.
 * Values are escaped: nothing that a client sends can make a line of its own.
 * Secrets are kept out by never being passed: headers are not logged, and
 * LOG_URL drops a URL's user and query.
 */
#ifndef SWITCHYARD_SERVICE_LOG_H
#define SWITCHYARD_SERVICE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { LOG_LINE_MAX = 4096 /* PIPE_BUF: what a pipe takes in one piece */ };

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG
};

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

enum log_kind {
    LOG_KIND_TEXT,
    LOG_KIND_URL,
    LOG_KIND_NUMBER,
    LOG_KIND_SECONDS
};

/* key is a plain word of the program; a NULL text leaves the field out. */
struct log_field {
    const char *key;
    enum log_kind kind;
    const char *text;
    uint64_t number;
    double seconds;
};

#define LOG_TEXT(k, v)                                                         \
    {                                                                          \
        .key = (k), .kind = LOG_KIND_TEXT, .text = (v)                         \
    }
#define LOG_URL(k, v)                                                          \
    {                                                                          \
        .key = (k), .kind = LOG_KIND_URL, .text = (v)                          \
    }
#define LOG_NUMBER(k, v)                                                       \
    {                                                                          \
        .key = (k), .kind = LOG_KIND_NUMBER, .number = (v)                     \
    }
#define LOG_SECONDS(k, v)                                                      \
    {                                                                          \
        .key = (k), .kind = LOG_KIND_SECONDS, .seconds = (v)                   \
    }

/* The last two arguments of log_write(): the fields and how many they are. */
#define LOG_FIELDS(...)                                                        \
    (const struct log_field[]){ __VA_ARGS__ },                                 \
        sizeof((const struct log_field[]){ __VA_ARGS__ }) /                    \
            sizeof(struct log_field)
#define LOG_NO_FIELDS NULL, 0

/* Before the first thread starts; without it: info, text, standard error. */
void log_setup(enum log_level most, enum log_format format, int fd);

/* Whether a line of this level would be written. */
bool log_wants(enum log_level level);

/* request_id may be NULL. Thread safe; a line that cannot be written is lost.
 */
void log_write(enum log_level level, const char *request_id,
               const char *message, const struct log_field *fields,
               size_t count);

/* An error with its code, subject and hint. */
void log_failure(enum log_level level, const char *request_id,
                 const char *message, const struct error *err);

#endif
