/*
 * The error record: one table of codes, and setters that can be chained.
 *
 * All text lives inside the struct, so that reporting an error never needs
 * memory; what does not fit is cut.
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct code_facts {
    int exit_status;
    int http_status;
    const char *slug;
    const char *title;
};

#define ERROR_FACTS(code, exit, http, slug, title)                             \
    [code] = { exit, http, slug, title },
static const struct code_facts facts[ERROR_COUNT] = {
    [ERR_OK] = { EXIT_OK, 200, "ok", "OK" }, ERROR_CODES(ERROR_FACTS)
};
#undef ERROR_FACTS

static const struct code_facts *facts_of(enum error_code code)
{
    if ((int)code < 0 || code >= ERROR_COUNT)
        return &facts[ERR_INTERNAL];
    return &facts[code];
}

int error_exit_status(enum error_code code)
{
    return facts_of(code)->exit_status;
}

int error_http_status(enum error_code code)
{
    return facts_of(code)->http_status;
}

const char *error_slug(enum error_code code)
{
    return facts_of(code)->slug;
}

const char *error_title(enum error_code code)
{
    return facts_of(code)->title;
}

__attribute__((format(printf, 3, 0))) static void
error_vset(struct error *err, enum error_code code, const char *fmt,
           va_list args)
{
    memset(err, 0, sizeof *err);
    err->code = code;
    vsnprintf(err->text, sizeof err->text, fmt, args);
}

int error_set(struct error *err, enum error_code code, const char *fmt, ...)
{
    va_list args;

    if (err) {
        va_start(args, fmt);
        error_vset(err, code, fmt, args);
        va_end(args);
    }
    return (int)code;
}

int error_errno(struct error *err, enum error_code code, int errnum,
                const char *fmt, ...)
{
    va_list args;
    size_t used;
    char reason[128];

    if (!err)
        return (int)code;
    va_start(args, fmt);
    error_vset(err, code, fmt, args);
    va_end(args);
    used = strlen(err->text);
    snprintf(err->text + used, sizeof err->text - used, ": %s",
             strerror_r(errnum, reason, sizeof reason));
    return (int)code;
}

int error_at_line(struct error *err, const char *path, unsigned line)
{
    char text[sizeof err->text];

    if (!err)
        return ERR_INTERNAL;
    memcpy(text, err->text, sizeof text);
    snprintf(err->text, sizeof err->text, "%.200s:%u: %.290s", path, line,
             text);
    snprintf(err->subject, sizeof err->subject, "%.200s:%u", path, line);
    return (int)err->code;
}

int error_memory(struct error *err)
{
    return error_set(err, ERR_MEMORY, "out of memory");
}

/* The four setters differ only in the member that they fill. */
#define ERROR_SETTER(member)                                                   \
    int error_##member(struct error *err, const char *fmt, ...)                \
    {                                                                          \
        va_list args;                                                          \
                                                                               \
        if (!err)                                                              \
            return ERR_INTERNAL;                                               \
        va_start(args, fmt);                                                   \
        vsnprintf(err->member, sizeof err->member, fmt, args);                 \
        va_end(args);                                                          \
        return (int)err->code;                                                 \
    }

ERROR_SETTER(subject)
ERROR_SETTER(expected)
ERROR_SETTER(actual)
ERROR_SETTER(hint)
