/*
 * The service's metrics.
 *
 * Labels are the templates of routes, never paths, so that no client can make
 * the registry grow; requests for paths that do not exist share one label.
 */
#include "measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "routes.h"
#include "service/metrics.h"

enum { ROUTES_MAX = 64, TEXT_MAX = 4 << 20 };

struct measure {
    struct metrics *registry;
    struct metric *requests;
    struct metric *received;
    struct metric *sent;
    struct metric *stages;
    const char *routes[ROUTES_MAX + 1]; /* the last used: no route */
    unsigned route_count;
};

static const char *const methods[] = { "GET",   "HEAD",   "POST",    "PUT",
                                       "PATCH", "DELETE", "OPTIONS", "OTHER" };
static const char *const code_classes[] = { "1xx", "2xx", "3xx", "4xx", "5xx" };
static const char *const stages[] = { "fetching", "planning", "converting",
                                      "publishing" };
static const char *const states[] = { "queued",     "fetching",   "planning",
                                      "converting", "publishing", "succeeded",
                                      "failed",     "cancelled" };

enum {
    METHODS = sizeof methods / sizeof *methods,
    CLASSES = sizeof code_classes / sizeof *code_classes,
    STAGES = sizeof stages / sizeof *stages,
};
_Static_assert(sizeof states / sizeof *states == JOB_STATES, "a state more");

static double jobs_in_state(void *ctx, unsigned series)
{
    uint64_t counts[JOB_STATES];

    jobs_count(((struct service *)ctx)->jobs, counts);
    return (double)counts[series];
}

static double waiting_jobs(void *ctx, unsigned series)
{
    (void)series;
    return jobs_in_state(ctx, JOB_QUEUED);
}

static double bytes_of_models(void *ctx, unsigned series)
{
    (void)series;
    return (double)models_bytes(((struct service *)ctx)->models);
}

static double bytes_of_uploads(void *ctx, unsigned series)
{
    (void)series;
    return (double)uploads_bytes(((struct service *)ctx)->uploads);
}

static double disk_left(void *ctx, unsigned series)
{
    struct statvfs fs;

    (void)series;
    if (statvfs(((struct service *)ctx)->settings->data, &fs) != 0)
        return NAN;
    return (double)fs.f_bavail * (double)fs.f_frsize;
}

static double active_requests(void *ctx, unsigned series)
{
    (void)series;
    return (double)atomic_load(&((struct service *)ctx)->active);
}

/* Gauges that are read when they are asked for. */
static const struct {
    const char *name;
    const char *help;
    double (*read)(void *ctx, unsigned series);
    bool by_state;
} gauges[] = {
    { "switchyard_jobs", "Jobs that are kept, by state.", jobs_in_state, true },
    { "switchyard_queue_depth", "Jobs that wait.", waiting_jobs, false },
    { "switchyard_models_bytes", "Bytes of stored models.", bytes_of_models,
      false },
    { "switchyard_uploads_bytes", "Bytes of uploads.", bytes_of_uploads,
      false },
    { "switchyard_disk_free_bytes", "Bytes left on the data folder's disk.",
      disk_left, false },
    { "http_server_active_requests", "Requests that are being answered.",
      active_requests, false },
};

static int declare_gauges(struct measure *m, struct service *s,
                          struct error *err)
{
    int rc = 0;

    for (size_t i = 0; i < sizeof gauges / sizeof *gauges && !rc; i++) {
        struct metric_spec spec = { .name = gauges[i].name,
                                    .help = gauges[i].help,
                                    .type = METRIC_GAUGE,
                                    .read = gauges[i].read,
                                    .ctx = s };
        struct metric *unused;

        if (gauges[i].by_state)
            spec.labels[0] =
                (struct metric_label){ "state", states, JOB_STATES };
        rc = metrics_declare(m->registry, &spec, &unused, err);
    }
    return rc;
}

static int declare_counts(struct measure *m, struct error *err)
{
    const struct metric_label route = { "route", m->routes, m->route_count };
    const struct metric_spec requests = {
        .name = "http_server_request_duration_seconds",
        .help = "How long requests took, by route, method and class of code.",
        .type = METRIC_HISTOGRAM,
        .labels = { route,
                    { "method", methods, METHODS },
                    { "code", code_classes, CLASSES } },
        .bounds = metric_seconds,
        .bounds_count = metric_seconds_count,
    };
    const struct metric_spec received = {
        .name = "http_server_received_bytes_total",
        .help = "Bytes of requests' bodies, by route.",
        .type = METRIC_COUNTER,
        .labels = { route },
    };
    const struct metric_spec sent = {
        .name = "http_server_sent_bytes_total",
        .help = "Bytes of replies' bodies as announced, by route.",
        .type = METRIC_COUNTER,
        .labels = { route },
    };
    const struct metric_spec stage = {
        .name = "switchyard_job_stage_seconds",
        .help = "How long the stages of jobs took.",
        .type = METRIC_HISTOGRAM,
        .labels = { { "stage", stages, STAGES } },
        .bounds = metric_seconds,
        .bounds_count = metric_seconds_count,
    };
    int rc = metrics_declare(m->registry, &requests, &m->requests, err);

    if (!rc)
        rc = metrics_declare(m->registry, &received, &m->received, err);
    if (!rc)
        rc = metrics_declare(m->registry, &sent, &m->sent, err);
    return rc ? rc : metrics_declare(m->registry, &stage, &m->stages, err);
}

int measure_new(struct service *s, struct measure **out, struct error *err)
{
    struct measure *m = calloc(1, sizeof *m);
    int rc;

    if (!m)
        return error_memory(err);
    m->route_count = routes_list(m->routes, ROUTES_MAX);
    m->routes[m->route_count++] = "none";
    rc = metrics_new(&m->registry, err);
    if (!rc)
        rc = declare_counts(m, err);
    if (!rc)
        rc = declare_gauges(m, s, err);
    if (!rc)
        rc = metrics_declare_process(m->registry, err);
    if (rc)
        measure_free(m);
    else
        *out = m;
    return rc;
}

void measure_free(struct measure *m)
{
    if (!m)
        return;
    metrics_free(m->registry);
    free(m);
}

static unsigned route_index(const struct measure *m, const struct exchange *x)
{
    unsigned i = 0;

    while (i + 1 < m->route_count &&
           (!x->route || m->routes[i] != x->route->path))
        i++;
    return i;
}

static unsigned method_index(const struct exchange *x)
{
    unsigned i = 0;

    while (i + 1 < METHODS &&
           (!x->method_name || strcmp(methods[i], x->method_name) != 0))
        i++;
    return i;
}

void measure_request(struct measure *m, const struct exchange *x,
                     double seconds)
{
    unsigned route = route_index(m, x);
    unsigned code = x->status / 100;

    metric_add(m->received, metric_series(m->received, route, 0, 0),
               x->received);
    if (code < 1 || code > CLASSES)
        return; /* it was cut before an answer */
    metric_observe(m->requests,
                   metric_series(m->requests, route, method_index(x), code - 1),
                   seconds);
    metric_add(m->sent, metric_series(m->sent, route, 0, 0), x->sent);
}

void measure_stage(struct measure *m, enum job_state stage, double seconds)
{
    if (stage < JOB_FETCHING || stage > JOB_PUBLISHING)
        return;
    metric_observe(
        m->stages,
        metric_series(m->stages, (unsigned)(stage - JOB_FETCHING), 0, 0),
        seconds);
}

int measure_get(struct exchange *x, struct error *err)
{
    struct buf text = BUF_INIT(TEXT_MAX);
    int rc = metrics_write(x->service->measure->registry, &text, err);

    if (!rc)
        rc = exchange_reply_bytes(x, MHD_HTTP_OK, METRICS_MEDIA_TYPE, text.data,
                                  text.len, err);
    buf_done(&text);
    return rc;
}
