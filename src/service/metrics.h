/*
 * Metrics, in the text form that Prometheus reads.
 *
 * A metric is declared once, with its labels and every value that each label
 * can have, so a client can never make the registry grow. Counting is an atomic
 * addition. Only series that were touched are written, except that a metric
 * without labels always is.
 */
#ifndef SWITCHYARD_SERVICE_METRICS_H
#define SWITCHYARD_SERVICE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define METRICS_MEDIA_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum { METRIC_LABELS = 3, METRIC_BUCKETS = 24, METRIC_SERIES_MAX = 65536 };

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_label {
    const char *name; /* NULL: no more labels */
    const char *const *values;
    unsigned count;
};

/* Everything is borrowed for as long as the registry lives. */
struct metric_spec {
    const char *name; /* a counter's ends in _total */
    const char *help;
    enum metric_type type;
    struct metric_label labels[METRIC_LABELS];
    const double *bounds; /* of a histogram, ascending, without +Inf */
    unsigned bounds_count;
    /*
     * Where the value comes from, for a counter or gauge that is not set by
     * calls: series counts through all combinations, the last label fastest.
     * NaN leaves the series out. Called by metrics_write()'s thread.
     */
    double (*read)(void *ctx, unsigned series);
    void *ctx;
};

struct metrics;
struct metric;

int metrics_new(struct metrics **out, struct error *err);
void metrics_free(struct metrics *m);

/*
 * Declares a metric. ERR_INTERNAL where name, labels, help or bounds would not
 * pass the checks of promtool. Before the registry is shared by threads.
 */
int metrics_declare(struct metrics *m, const struct metric_spec *spec,
                    struct metric **out, struct error *err);

/* Build info, and what Prometheus wants to know of every process. */
int metrics_declare_process(struct metrics *m, struct error *err);

/* The series of up to three label values, by their places in values. */
unsigned metric_series(const struct metric *m, unsigned a, unsigned b,
                       unsigned c);

/* Thread safe, without locks. */
void metric_add(struct metric *m, unsigned series, uint64_t n);
void metric_set(struct metric *m, unsigned series, double value);
void metric_observe(struct metric *m, unsigned series, double value);

/* Durations in seconds, from half a millisecond to ten minutes. */
extern const double metric_seconds[];
extern const unsigned metric_seconds_count;

/* Appends the whole. Thread safe. */
int metrics_write(struct metrics *m, struct buf *out, struct error *err);

#endif
