/*
 * Log lines.
 *
 * A line is made on the stack, field by field. A field that no longer fits is
 * taken back and the line says so, hence a JSON line is whole in any case. The
 * text form escapes as JSON does and quotes only where that is needed.
 */
#include "service/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/utf8.h"

enum {
    VALUE_MAX = 1024, /* bytes of a value that are shown */
    TAIL = 24,        /* room that is kept for "truncated" and the end */
};

struct line {
    enum log_format format;
    size_t len;
    bool full; /* something did not fit since the last mark */
    char text[LOG_LINE_MAX];
};

static atomic_int log_most = LOG_LEVEL_INFO;
static atomic_int log_form = LOG_FORMAT_TEXT;
static atomic_int log_fd = STDERR_FILENO;

static const char *const level_names[] = { "error", "warning", "info",
                                           "debug" };

void log_setup(enum log_level most, enum log_format format, int fd)
{
    log_most = (int)most;
    log_form = (int)format;
    log_fd = fd;
}

bool log_wants(enum log_level level)
{
    return (int)level <= log_most;
}

static void put(struct line *l, const char *text, size_t len)
{
    if (len > sizeof l->text - TAIL - l->len) {
        l->full = true;
        return;
    }
    memcpy(l->text + l->len, text, len);
    l->len += len;
}

static void puts_line(struct line *l, const char *text)
{
    put(l, text, strlen(text));
}

__attribute__((format(printf, 2, 3))) static void
printf_line(struct line *l, const char *fmt, ...)
{
    char text[128];
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (n > 0)
        put(l, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

static void put_escaped(struct line *l, const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    const unsigned char *end = p + (len < VALUE_MAX ? len : VALUE_MAX);

    while (p < end) {
        size_t n = utf8_length(p, (size_t)(end - p));

        if (n == 0) {
            puts_line(l, "\\ufffd");
            n = 1;
        } else if (*p < 0x20 || *p == 0x7f) {
            printf_line(l, "\\u%04x", *p);
        } else {
            if (*p == '"' || *p == '\\')
                puts_line(l, "\\");
            put(l, (const char *)p, n);
        }
        p += n;
    }
    if (len > VALUE_MAX)
        puts_line(l, "...");
}

/* Whether the text form shows a value without quotes. */
static bool is_plain(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~' || strchr("\"\\=", text[i]))
            return false;
    return len > 0;
}

static void put_value(struct line *l, const char *text, size_t len)
{
    bool quoted = l->format == LOG_FORMAT_JSON || !is_plain(text, len);

    if (quoted)
        puts_line(l, "\"");
    put_escaped(l, text, len);
    if (quoted)
        puts_line(l, "\"");
}

static void put_key(struct line *l, const char *key)
{
    if (l->format == LOG_FORMAT_JSON)
        printf_line(l, "%s\"%s\":", l->len > 1 ? "," : "", key);
    else
        printf_line(l, " %s=", key);
}

/* scheme://host/path, without "user:password@", "?query" and "#fragment". */
static void put_url(struct line *l, const char *url)
{
    const char *authority = strstr(url, "://");
    const char *from = authority ? authority + 3 : url;
    size_t host = strcspn(from, "/?#");
    const char *at = memrchr(from, '@', host);
    char text[VALUE_MAX];
    size_t used = 0;

    if (authority && from - url < 16)
        used = (size_t)(from - url);
    memcpy(text, url, used);
    from = at ? at + 1 : from;
    for (; *from && !strchr("?#", *from) && used < sizeof text; from++)
        text[used++] = *from;
    put_value(l, text, used);
}

static void put_field(struct line *l, const struct log_field *f)
{
    size_t mark = l->len;

    put_key(l, f->key);
    switch (f->kind) {
    case LOG_KIND_TEXT:
        put_value(l, f->text, strlen(f->text));
        break;
    case LOG_KIND_URL:
        put_url(l, f->text);
        break;
    case LOG_KIND_NUMBER:
        printf_line(l, "%llu", (unsigned long long)f->number);
        break;
    case LOG_KIND_SECONDS:
        printf_line(l, "%.6f", f->seconds);
        break;
    }
    if (l->full)
        l->len = mark; /* nothing was written after the mark that counts */
}

static void put_head(struct line *l, enum log_level level, const char *message)
{
    struct timespec now;
    struct tm utc;
    char stamp[32];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    if (l->format == LOG_FORMAT_JSON) {
        printf_line(l, "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\"", stamp,
                    now.tv_nsec / 1000000, level_names[level]);
        put_field(l, &(struct log_field)LOG_TEXT("message", message));
    } else {
        printf_line(l, "%s.%03ldZ %s ", stamp, now.tv_nsec / 1000000,
                    level_names[level]);
        put_escaped(l, message, strlen(message));
    }
}

static void send_line(const struct line *l)
{
    ssize_t n;

    do
        n = write(log_fd, l->text, l->len);
    while (n < 0 && errno == EINTR);
}

void log_write(enum log_level level, const char *request_id,
               const char *message, const struct log_field *fields,
               size_t count)
{
    struct line l;
    bool json;

    if (!log_wants(level))
        return;
    l.format = (enum log_format)log_form;
    l.len = 0;
    l.full = false;
    json = l.format == LOG_FORMAT_JSON;
    put_head(&l, level, message);
    if (request_id)
        put_field(&l, &(struct log_field)LOG_TEXT("request_id", request_id));
    for (size_t i = 0; i < count && !l.full; i++)
        if (fields[i].text || fields[i].kind >= LOG_KIND_NUMBER)
            put_field(&l, &fields[i]);
    if (l.full) {
        const char *note = json ? ",\"truncated\":true" : " truncated=true";

        memcpy(l.text + l.len, note, strlen(note));
        l.len += strlen(note);
    }
    if (json)
        l.text[l.len++] = '}';
    l.text[l.len++] = '\n';
    send_line(&l);
}

void log_failure(enum log_level level, const char *request_id,
                 const char *message, const struct error *err)
{
    const char *subject = *err->subject ? err->subject : NULL;
    const char *hint = *err->hint ? err->hint : NULL;

    log_write(level, request_id, message,
              LOG_FIELDS(LOG_TEXT("error", error_slug(err->code)),
                         LOG_TEXT("detail", err->text),
                         LOG_TEXT("subject", subject), LOG_TEXT("hint", hint)));
}
