/*
 * The registry of metrics.
 *
 * A series is a row of atomic cells: one for a counter or gauge; for a
 * histogram one for each bucket, then the sum. A histogram has no
 * cell for its count: that is the sum of the buckets, hence what is written is
 * consistent though threads count on meanwhile. Doubles live in 64-bit cells by
 * their bits.
 */
#include "service/metrics.h"

#include <ctype.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef _Atomic uint64_t cell;

struct metric {
    struct metric_spec spec;
    struct metric *next;
    unsigned series;
    unsigned cells; /* of one series */
    cell *values;
    atomic_bool *touched; /* per series */
};

struct metrics {
    struct metric *first;
    struct metric *last;
};

const double metric_seconds[] = { 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                  0.025,  0.05,  0.1,    0.25,  0.5,
                                  1,      2.5,   5,      10,    30,
                                  60,     120,   300,    600 };
const unsigned metric_seconds_count =
    sizeof metric_seconds / sizeof *metric_seconds;

static uint64_t bits_of(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double double_of(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

int metrics_new(struct metrics **out, struct error *err)
{
    *out = calloc(1, sizeof **out);
    return *out ? 0 : error_memory(err);
}

static void metric_free(struct metric *m)
{
    free(m->values);
    free(m->touched);
    free(m);
}

void metrics_free(struct metrics *m)
{
    struct metric *next;

    if (!m)
        return;
    for (struct metric *i = m->first; i; i = next) {
        next = i->next;
        metric_free(i);
    }
    free(m);
}

static bool is_name(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

    return len > 0 && !name[len] && !isdigit((unsigned char)*name) &&
           strncmp(name, "__", 2) != 0;
}

static bool ends_with(const char *name, const char *end)
{
    size_t a = strlen(name);
    size_t b = strlen(end);

    return a > b && !strcmp(name + a - b, end);
}

/* What promtool's linter says about names. */
static const char *name_fault(const struct metric_spec *s)
{
    static const char *const units[] = { "_ms",      "_milliseconds", "_us",
                                         "_minutes", "_kb",           "_mb",
                                         "_percent" };
    static const char *const own[] = { "_count", "_sum", "_bucket" };

    if (!is_name(s->name))
        return "is not a name";
    if (ends_with(s->name, "_total") != (s->type == METRIC_COUNTER))
        return "is a counter if and only if its name ends in _total";
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (ends_with(s->name, units[i]))
            return "is not in a base unit";
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (ends_with(s->name, own[i]))
            return "has the ending of a histogram's part";
    if (!s->help || !*s->help || strpbrk(s->help, "\n\\"))
        return "has no help of one line";
    return NULL;
}

static const char *shape_fault(const struct metric_spec *s)
{
    uint64_t series = 1;

    for (unsigned i = 0; i < METRIC_LABELS && s->labels[i].name; i++) {
        if (!is_name(s->labels[i].name) || !strcmp(s->labels[i].name, "le"))
            return "has a label that is not a name";
        if (s->labels[i].count == 0)
            return "has a label without values";
        series *= s->labels[i].count;
        if (series > METRIC_SERIES_MAX)
            return "has too many series";
    }
    if ((s->bounds_count > 0) != (s->type == METRIC_HISTOGRAM) ||
        s->bounds_count > METRIC_BUCKETS)
        return "has bounds if and only if it is a histogram";
    for (unsigned i = 1; i < s->bounds_count; i++)
        if (!(s->bounds[i - 1] < s->bounds[i]))
            return "has bounds that do not ascend";
    if (s->read && s->type == METRIC_HISTOGRAM)
        return "is a histogram and can't be read by a call";
    return NULL;
}

static int check_spec(const struct metrics *m, const struct metric_spec *s,
                      struct error *err)
{
    const char *fault = name_fault(s);

    if (!fault)
        fault = shape_fault(s);
    for (const struct metric *i = m->first; i && !fault; i = i->next)
        if (!strcmp(i->spec.name, s->name))
            fault = "is declared twice";
    if (!fault)
        return 0;
    return error_set(err, ERR_INTERNAL, "the metric %s %s", s->name, fault);
}

static unsigned count_series(const struct metric_spec *s)
{
    unsigned n = 1;

    for (unsigned i = 0; i < METRIC_LABELS && s->labels[i].name; i++)
        n *= s->labels[i].count;
    return n;
}

int metrics_declare(struct metrics *m, const struct metric_spec *spec,
                    struct metric **out, struct error *err)
{
    struct metric *metric;
    int rc = check_spec(m, spec, err);

    if (rc)
        return rc;
    metric = calloc(1, sizeof *metric);
    if (!metric)
        return error_memory(err);
    metric->spec = *spec;
    metric->series = count_series(spec);
    metric->cells = spec->type == METRIC_HISTOGRAM ? spec->bounds_count + 2 : 1;
    metric->values =
        calloc((size_t)metric->series * metric->cells, sizeof *metric->values);
    metric->touched = calloc(metric->series, sizeof *metric->touched);
    if (!metric->values || !metric->touched) {
        metric_free(metric);
        return error_memory(err);
    }
    metric->touched[0] = !spec->labels[0].name;
    if (m->last)
        m->last->next = metric;
    else
        m->first = metric;
    m->last = metric;
    if (out)
        *out = metric;
    return 0;
}

unsigned metric_series(const struct metric *m, unsigned a, unsigned b,
                       unsigned c)
{
    const unsigned places[METRIC_LABELS] = { a, b, c };
    unsigned series = 0;

    for (unsigned i = 0; i < METRIC_LABELS && m->spec.labels[i].name; i++)
        series = series * m->spec.labels[i].count + places[i];
    return series;
}

static cell *touch(struct metric *m, unsigned series)
{
    if (!atomic_load_explicit(&m->touched[series], memory_order_relaxed))
        atomic_store_explicit(&m->touched[series], true, memory_order_relaxed);
    return &m->values[(size_t)series * m->cells];
}

void metric_add(struct metric *m, unsigned series, uint64_t n)
{
    atomic_fetch_add_explicit(touch(m, series), n, memory_order_relaxed);
}

void metric_set(struct metric *m, unsigned series, double value)
{
    atomic_store_explicit(touch(m, series), bits_of(value),
                          memory_order_relaxed);
}

void metric_observe(struct metric *m, unsigned series, double value)
{
    cell *cells = touch(m, series);
    unsigned bucket = 0;
    uint64_t old;

    while (bucket < m->spec.bounds_count && value > m->spec.bounds[bucket])
        bucket++;
    atomic_fetch_add_explicit(&cells[bucket], 1, memory_order_relaxed);
    cells += m->spec.bounds_count + 1;
    old = atomic_load_explicit(cells, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(
        cells, &old, bits_of(double_of(old) + value), memory_order_relaxed,
        memory_order_relaxed))
        ;
}

static void put_escaped(const char *text, struct buf *out)
{
    for (; *text; text++) {
        if (*text == '\\' || *text == '"')
            buf_putc(out, '\\');
        if (*text == '\n')
            buf_puts(out, "\\n");
        else
            buf_putc(out, *text);
    }
}

/* name_part{a="x",b="y",le="bound"}, the last for buckets only. */
static void put_series(const struct metric *m, unsigned series,
                       const char *part, const char *bound, struct buf *out)
{
    unsigned scale = m->series;
    char separator = '{';

    buf_printf(out, "%s%s", m->spec.name, part);
    for (unsigned i = 0; i < METRIC_LABELS && m->spec.labels[i].name; i++) {
        const struct metric_label *label = &m->spec.labels[i];

        scale /= label->count;
        buf_printf(out, "%c%s=\"", separator, label->name);
        put_escaped(label->values[series / scale % label->count], out);
        buf_putc(out, '"');
        separator = ',';
    }
    if (bound) {
        buf_printf(out, "%cle=\"%s\"", separator, bound);
        separator = ',';
    }
    buf_puts(out, separator == ',' ? "} " : " ");
}

static void put_double(double value, struct buf *out)
{
    if (isinf(value))
        buf_puts(out, value < 0 ? "-Inf\n" : "+Inf\n");
    else
        buf_printf(out, "%.17g\n", value);
}

static void put_histogram(const struct metric *m, unsigned series,
                          struct buf *out)
{
    cell *cells = &m->values[(size_t)series * m->cells];
    uint64_t sum = 0;
    char bound[32];

    for (unsigned i = 0; i <= m->spec.bounds_count; i++) {
        sum += atomic_load_explicit(&cells[i], memory_order_relaxed);
        if (i < m->spec.bounds_count)
            snprintf(bound, sizeof bound, "%.15g", m->spec.bounds[i]);
        else
            snprintf(bound, sizeof bound, "+Inf");
        put_series(m, series, "_bucket", bound, out);
        buf_printf(out, "%llu\n", (unsigned long long)sum);
    }
    put_series(m, series, "_sum", NULL, out);
    put_double(double_of(atomic_load_explicit(&cells[m->spec.bounds_count + 1],
                                              memory_order_relaxed)),
               out);
    put_series(m, series, "_count", NULL, out);
    buf_printf(out, "%llu\n", (unsigned long long)sum);
}

static void put_value(const struct metric *m, unsigned series, struct buf *out)
{
    uint64_t raw =
        atomic_load_explicit(&m->values[series], memory_order_relaxed);
    double value;

    if (m->spec.read) {
        value = m->spec.read(m->spec.ctx, series);
        if (isnan(value))
            return;
        put_series(m, series, "", NULL, out);
        put_double(value, out);
        return;
    }
    put_series(m, series, "", NULL, out);
    if (m->spec.type == METRIC_COUNTER)
        buf_printf(out, "%llu\n", (unsigned long long)raw);
    else
        put_double(double_of(raw), out);
}

int metrics_write(struct metrics *m, struct buf *out, struct error *err)
{
    static const char *const types[] = { "counter", "gauge", "histogram" };

    for (const struct metric *i = m->first; i; i = i->next) {
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", i->spec.name,
                   i->spec.help, i->spec.name, types[i->spec.type]);
        for (unsigned s = 0; s < i->series; s++) {
            if (i->spec.type == METRIC_HISTOGRAM && i->touched[s])
                put_histogram(i, s, out);
            else if (i->spec.type != METRIC_HISTOGRAM &&
                     (i->spec.read || i->touched[s]))
                put_value(i, s, out);
        }
    }
    return buf_status(out, err);
}
