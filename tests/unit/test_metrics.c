/*
 * service/metrics: what may be declared, and the text that comes out, read line
 * by line as a scraper would.
 */
#include "unit.h"

#include <math.h>
#include <pthread.h>

#include "service/metrics.h"

static const char *const routes[] = { "/a", "/b \"q\"\\", "/c" };
static const char *const codes[] = { "200", "404" };
static const double bounds[] = { 0.1, 1, 10 };

static const struct metric_spec counter = {
    .name = "x_requests_total",
    .help = "Requests.",
    .type = METRIC_COUNTER,
    .labels = { { "route", routes, 3 }, { "code", codes, 2 } },
};
static const struct metric_spec gauge = { .name = "x_queue",
                                          .help = "Waiting.",
                                          .type = METRIC_GAUGE };
static const struct metric_spec histogram = {
    .name = "x_seconds",
    .help = "Durations.",
    .type = METRIC_HISTOGRAM,
    .labels = { { "route", routes, 3 } },
    .bounds = bounds,
    .bounds_count = 3,
};

static const char *write_all(struct metrics *m, struct buf *b)
{
    struct error err;

    buf_clear(b);
    ck_ok(metrics_write(m, b, &err), &err);
    return buf_str(b);
}

static void has(const char *text, const char *line)
{
    ck_assert_msg(strstr(text, line), "no '%s' in:\n%s", line, text);
}

START_TEST(test_counter_and_gauge)
{
    struct metrics *m = NULL;
    struct metric *c = NULL;
    struct metric *g = NULL;
    struct buf b = BUF_INIT(65536);
    struct error err;
    const char *text;

    ck_ok(metrics_new(&m, &err), &err);
    ck_ok(metrics_declare(m, &counter, &c, &err), &err);
    ck_ok(metrics_declare(m, &gauge, &g, &err), &err);
    text = write_all(m, &b);
    has(text, "# HELP x_requests_total Requests.\n"
              "# TYPE x_requests_total counter\n# HELP x_queue");
    has(text, "x_queue 0\n");
    metric_add(c, metric_series(c, 1, 1, 0), 3);
    metric_add(c, metric_series(c, 1, 1, 0), 4);
    metric_add(c, metric_series(c, 2, 0, 0), 1);
    metric_set(g, 0, -2.5);
    text = write_all(m, &b);
    has(text, "x_requests_total{route=\"/b \\\"q\\\"\\\\\",code=\"404\"} 7\n");
    has(text, "x_requests_total{route=\"/c\",code=\"200\"} 1\n");
    has(text, "x_queue -2.5\n");
    ck_assert_ptr_null(strstr(text, "/a"));
    buf_done(&b);
    metrics_free(m);
}
END_TEST

START_TEST(test_histogram)
{
    static const double values[] = { 0.05, 0.1, 0.5, 100, 2 };
    struct metrics *m = NULL;
    struct metric *h = NULL;
    struct buf b = BUF_INIT(65536);
    struct error err;

    ck_ok(metrics_new(&m, &err), &err);
    ck_ok(metrics_declare(m, &histogram, &h, &err), &err);
    ck_assert_ptr_null(strstr(write_all(m, &b), "_bucket"));
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        metric_observe(h, metric_series(h, 2, 0, 0), values[i]);
    has(write_all(m, &b), "x_seconds_bucket{route=\"/c\",le=\"0.1\"} 2\n"
                          "x_seconds_bucket{route=\"/c\",le=\"1\"} 3\n"
                          "x_seconds_bucket{route=\"/c\",le=\"10\"} 4\n"
                          "x_seconds_bucket{route=\"/c\",le=\"+Inf\"} 5\n");
    has(buf_str(&b), "x_seconds_sum{route=\"/c\"} 102.6");
    has(buf_str(&b), "x_seconds_count{route=\"/c\"} 5\n");
    buf_done(&b);
    metrics_free(m);
}
END_TEST

static double read_states(void *ctx, unsigned series)
{
    const double *values = ctx;

    return values[series];
}

START_TEST(test_read)
{
    double values[] = { 1, NAN, INFINITY };
    struct metric_spec spec = gauge;
    struct metrics *m = NULL;
    struct buf b = BUF_INIT(65536);
    struct error err;

    spec.labels[0] = (struct metric_label){ "state", routes, 3 };
    spec.read = read_states;
    spec.ctx = values;
    ck_ok(metrics_new(&m, &err), &err);
    ck_ok(metrics_declare(m, &spec, NULL, &err), &err);
    has(write_all(m, &b),
        "x_queue{state=\"/a\"} 1\nx_queue{state=\"/c\"} +Inf\n");
    buf_done(&b);
    metrics_free(m);
}
END_TEST

START_TEST(test_refused)
{
    static const double mixed[] = { 1, 1 };
    struct metric_spec bad[13];
    struct metrics *m = NULL;
    struct error err;

    for (size_t i = 0; i < 13; i++)
        bad[i] = i < 8 ? gauge : histogram;
    bad[0].name = "x_total";
    bad[1].name = "1x";
    bad[2].name = "x-y";
    bad[3].name = "x_ms";
    bad[4].name = "x_count";
    bad[5].help = "";
    bad[6].type = METRIC_COUNTER;
    bad[7].bounds_count = 1;
    bad[8].bounds_count = 0;
    bad[9].bounds = mixed;
    bad[10].labels[0].name = "le";
    bad[11].labels[0].count = 0;
    bad[12].labels[0].count = METRIC_SERIES_MAX + 1;
    ck_ok(metrics_new(&m, &err), &err);
    for (size_t i = 0; i < 13; i++)
        ck_assert_int_eq(metrics_declare(m, &bad[i], NULL, &err), ERR_INTERNAL);
    ck_ok(metrics_declare(m, &gauge, NULL, &err), &err);
    ck_fails(metrics_declare(m, &gauge, NULL, &err), &err, ERR_INTERNAL,
             "twice");
    metrics_free(m);
}
END_TEST

START_TEST(test_process)
{
    struct metrics *m = NULL;
    struct buf b = BUF_INIT(65536);
    struct error err;
    const char *rss;

    ck_ok(metrics_new(&m, &err), &err);
    ck_ok(metrics_declare_process(m, &err), &err);
    has(write_all(m, &b), "switchyard_build_info{version=\"");
    has(buf_str(&b), "\nprocess_cpu_seconds_total ");
    has(buf_str(&b), "\nprocess_open_fds ");
    has(buf_str(&b), "\nprocess_threads ");
    rss = strstr(buf_str(&b), "\nprocess_resident_memory_bytes ");
    ck_assert_ptr_nonnull(rss);
    ck_assert_double_gt(strtod(strchr(rss, ' '), NULL), 100000);
    buf_done(&b);
    metrics_free(m);
}
END_TEST

enum { THREADS = 4, ROUNDS = 20000 };

static void *count_up(void *ctx)
{
    for (int i = 0; i < ROUNDS; i++)
        metric_observe(ctx, 0, i % 2 ? 0.5 : 20);
    return NULL;
}

/* While threads count, every page is consistent; no count is lost. */
START_TEST(test_threads)
{
    struct metric_spec spec = histogram;
    struct metrics *m = NULL;
    struct metric *h = NULL;
    struct buf b = BUF_INIT(65536);
    struct error err;
    pthread_t threads[THREADS];

    spec.labels[0].name = NULL;
    ck_ok(metrics_new(&m, &err), &err);
    ck_ok(metrics_declare(m, &spec, &h, &err), &err);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, count_up, h), 0);
    for (int i = 0; i < 50; i++) {
        const char *text = write_all(m, &b);
        const char *all = strstr(text, "le=\"+Inf\"} ");
        const char *count = strstr(text, "x_seconds_count ");

        ck_assert_ptr_nonnull(all);
        ck_assert_ptr_nonnull(count);
        ck_assert_uint_eq(strtoul(all + 11, NULL, 10),
                          strtoul(count + 16, NULL, 10));
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    has(write_all(m, &b), "x_seconds_count 80000\n");
    has(buf_str(&b), "x_seconds_sum 820000\n");
    buf_done(&b);
    metrics_free(m);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_counter_and_gauge, test_histogram, test_read,
        test_refused,           test_process,   test_threads
    };

    return unit_run("metrics", tests, sizeof tests / sizeof *tests);
}
