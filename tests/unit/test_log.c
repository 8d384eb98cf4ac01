/*
 * service/: what goes out beside replies. Log lines, trace ids, and word to the
 * service manager.
 */
#include "unit.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/json.h"
#include "service/log.h"
#include "service/notify.h"
#include "service/trace.h"

static int ends[2];
static char line[LOG_LINE_MAX + 1];

static void start(enum log_level level, enum log_format format)
{
    ck_assert_int_eq(pipe(ends), 0);
    log_setup(level, format, ends[1]);
}

/* The next line, without its end. */
static const char *next_line(void)
{
    ssize_t n = read(ends[0], line, LOG_LINE_MAX);

    ck_assert_int_gt(n, 0);
    ck_assert_int_eq(line[n - 1], '\n');
    line[n - 1] = '\0';
    return line;
}

static json_t *next_json(void)
{
    json_t *value = NULL;
    struct error err;
    const char *text = next_line();

    ck_ok(json_read(text, strlen(text), "line", ERR_CONFIG, &value, &err),
          &err);
    return value;
}

static const char *get(json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

START_TEST(test_text)
{
    start(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    log_write(LOG_LEVEL_DEBUG, NULL, "hidden", LOG_NO_FIELDS);
    log_write(LOG_LEVEL_INFO, "r1", "request",
              LOG_FIELDS(LOG_TEXT("method", "GET"), LOG_TEXT("none", NULL),
                         LOG_TEXT("path", "/a b\n2026 error"),
                         LOG_NUMBER("status", 200),
                         LOG_SECONDS("seconds", 0.25)));
    next_line();
    ck_assert_int_eq(line[10], 'T');
    ck_assert_int_eq(line[23], 'Z');
    ck_assert_str_eq(line + 24, " info request request_id=r1 method=GET "
                                "path=\"/a b\\u000a2026 error\" status=200 "
                                "seconds=0.250000");
    ck_assert(log_wants(LOG_LEVEL_INFO));
    ck_assert(!log_wants(LOG_LEVEL_DEBUG));
}
END_TEST

START_TEST(test_json)
{
    json_t *o;

    start(LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
    log_write(LOG_LEVEL_WARNING, "r2", "say \"x\"",
              LOG_FIELDS(LOG_TEXT("a", "\x01\\\xc3\xa4\xff\xc3"),
                         LOG_NUMBER("n", INT64_MAX)));
    o = next_json();
    ck_assert_str_eq(get(o, "level"), "warning");
    ck_assert_str_eq(get(o, "message"), "say \"x\"");
    ck_assert_str_eq(get(o, "request_id"), "r2");
    ck_assert_str_eq(get(o, "a"), "\x01\\\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd");
    json_decref(o);
}
END_TEST

START_TEST(test_failure)
{
    struct error err;
    json_t *o;

    start(LOG_LEVEL_ERROR, LOG_FORMAT_JSON);
    error_set(&err, ERR_SPACE, "full");
    error_hint(&err, "delete");
    log_failure(LOG_LEVEL_ERROR, NULL, "cannot", &err);
    o = next_json();
    ck_assert_str_eq(get(o, "error"), "no-space");
    ck_assert_str_eq(get(o, "detail"), "full");
    ck_assert_str_eq(get(o, "hint"), "delete");
    ck_assert_ptr_null(json_object_get(o, "subject"));
    json_decref(o);
}
END_TEST

START_TEST(test_urls)
{
    static const struct {
        const char *url;
        const char *shown;
    } rows[] = {
        { "https://u:secret@h/p?secret#secret", "https://h/p" },
        { "s3://bucket/a@b", "s3://bucket/a@b" },
        { "/p?secret", "/p" },
        { "u:secret@h", "h" },
        { "u:secret@h@i/x", "i/x" },
        { "https://h?u@secret", "https://h" },
        { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa://u:secret@h/", "h/" },
    };
    json_t *o;

    start(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        log_write(LOG_LEVEL_INFO, NULL, "m",
                  LOG_FIELDS(LOG_URL("url", rows[i].url)));
        o = next_json();
        ck_assert_str_eq(get(o, "url"), rows[i].shown);
        json_decref(o);
    }
}
END_TEST

/* However long the values, a line is whole and no longer than a page. */
START_TEST(test_long)
{
    char text[3000];
    json_t *o;

    memset(text, '"', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int form = 0; form < 2; form++) {
        start(LOG_LEVEL_INFO, form ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT);
        log_write(LOG_LEVEL_INFO, NULL, text,
                  LOG_FIELDS(LOG_TEXT("a", text), LOG_TEXT("b", text),
                             LOG_TEXT("c", "x")));
        if (!form) {
            ck_assert_ptr_nonnull(strstr(next_line(), " truncated=true"));
            continue;
        }
        o = next_json();
        ck_assert(json_is_true(json_object_get(o, "truncated")));
        ck_assert_ptr_nonnull(get(o, "message"));
        json_decref(o);
    }
}
END_TEST

static char request[] = "id";

static void *write_lines(void *ctx)
{
    for (int i = 0; i < 1000; i++)
        log_write(LOG_LEVEL_INFO, ctx, "message", LOG_NO_FIELDS);
    return NULL;
}

START_TEST(test_threads)
{
    pthread_t threads[2];
    FILE *f;
    json_t *o = NULL;
    struct error err;

    start(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, write_lines, request), 0);
    f = fdopen(ends[0], "r");
    for (int i = 0; i < 2000; i++) {
        ck_assert_ptr_nonnull(fgets(line, sizeof line, f));
        ck_ok(json_read(line, strlen(line), "line", ERR_CONFIG, &o, &err),
              &err);
        json_decref(o);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    fclose(f);
}
END_TEST

#define TRACE_ID "4bf92f3577b34da6a3ce929d0e0e4736"
#define TRACE_SPAN "00f067aa0ba902b7"
#define TRACE_BASE TRACE_ID "-" TRACE_SPAN "-"

START_TEST(test_trace)
{
    static const char *const bad[] = {
        "",
        "00",
        "00-" TRACE_BASE "0",
        "00-" TRACE_BASE "011",
        "00-" TRACE_BASE "01-x",
        "ff-" TRACE_BASE "01",
        "01-" TRACE_BASE "01x",
        "0g-" TRACE_BASE "01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" TRACE_SPAN "-01",
        "00-00000000000000000000000000000000-" TRACE_SPAN "-01",
        "00-" TRACE_ID "-0000000000000000-01",
        "00_" TRACE_BASE "01",
        "00-" TRACE_BASE "0x",
    };
    struct trace t;
    char header[TRACE_HEADER_LEN + 1];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_msg(!trace_parse(bad[i], &t), "%s", bad[i]);
        trace_start(bad[i], &t);
        ck_assert_str_ne(t.id, TRACE_ID);
        ck_assert_str_eq(t.parent, "");
    }
    trace_start("00-" TRACE_BASE "01", &t);
    ck_assert_str_eq(t.id, TRACE_ID);
    ck_assert_str_eq(t.parent, TRACE_SPAN);
    ck_assert_str_ne(t.span, TRACE_SPAN);
    trace_format(&t, header);
    ck_assert_uint_eq(strlen(header), TRACE_HEADER_LEN);
    ck_assert(trace_parse(header, &t));
    ck_assert_uint_eq(t.flags, 1);
    ck_assert(trace_parse("01-" TRACE_BASE "00-later", &t));
    ck_assert_uint_eq(t.flags, 0);
    trace_start(NULL, &t);
    trace_format(&t, header);
    ck_assert(trace_parse(header, &t));
}
END_TEST

START_TEST(test_request_ids)
{
    char a[TRACE_REQUEST_MAX + 1];
    char b[TRACE_REQUEST_MAX + 1];
    char longest[TRACE_REQUEST_MAX + 2];

    trace_request_id("abc-DEF_1.2", a);
    ck_assert_str_eq(a, "abc-DEF_1.2");
    trace_request_id("a b", a);
    ck_assert_uint_eq(strlen(a), 20);
    for (int i = 0; i < 1000; i++) {
        memcpy(b, a, sizeof b);
        trace_request_id(NULL, a);
        ck_assert_str_ne(a, b);
    }
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    trace_request_id(longest, a);
    ck_assert_uint_eq(strlen(a), 20);
    trace_request_id(longest + 1, a);
    ck_assert_str_eq(a, longest + 1);
    trace_request_id("", a);
    ck_assert_uint_eq(strlen(a), 20);
}
END_TEST

/* Listens as the manager would, at an abstract name. */
static int listen_at(const char *name)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    socklen_t len =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));

    ck_assert_int_ge(fd, 0);
    memcpy(a.sun_path, name, strlen(name));
    if (*name == '@')
        a.sun_path[0] = '\0';
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, len), 0);
    return fd;
}

START_TEST(test_notify)
{
    char name[2][64];
    char got[32];

    unsetenv("NOTIFY_SOCKET");
    ck_assert(notify_send("READY=1"));
    snprintf(name[0], sizeof name[0], "@switchyard-test-%d", getpid());
    snprintf(name[1], sizeof name[1], "/tmp/switchyard-test-%d", getpid());
    for (int i = 0; i < 2; i++) {
        int fd = listen_at(name[i]);

        setenv("NOTIFY_SOCKET", name[i], 1);
        ck_assert(notify_send("READY=1"));
        ck_assert_int_eq(recv(fd, got, sizeof got, MSG_DONTWAIT), 7);
        ck_assert_mem_eq(got, "READY=1", 7);
        close(fd);
        ck_assert(!notify_send("READY=1"));
    }
    unlink(name[1]);
    setenv("NOTIFY_SOCKET", "relative", 1);
    ck_assert(!notify_send("READY=1"));
}
END_TEST

START_TEST(test_watchdog)
{
    char pid[16];

    unsetenv("WATCHDOG_USEC");
    ck_assert_uint_eq(notify_watchdog_interval(), 0);
    setenv("WATCHDOG_USEC", "3000000", 1);
    ck_assert_uint_eq(notify_watchdog_interval(), 1500000);
    setenv("WATCHDOG_PID", "1", 1);
    ck_assert_uint_eq(notify_watchdog_interval(), 0);
    snprintf(pid, sizeof pid, "%d", getpid());
    setenv("WATCHDOG_PID", pid, 1);
    ck_assert_uint_eq(notify_watchdog_interval(), 1500000);
    setenv("WATCHDOG_USEC", "x", 1);
    ck_assert_uint_eq(notify_watchdog_interval(), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_text,    test_json,        test_failure,
                                   test_urls,    test_long,        test_threads,
                                   test_trace,   test_request_ids, test_notify,
                                   test_watchdog };

    return unit_run("log", tests, sizeof tests / sizeof *tests);
}
