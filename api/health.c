/*
 * GET /livez and /readyz, for whoever supervises the service.
 *
 * Alive is a process that answers. Ready is a service that would take work now:
 * each check below says whether, and why not. A probe gets "ok" or the first
 * problem; with ?verbose, or where Accept prefers JSON, all of them.
 */
#include "base/json.h"
#include "routes.h"

enum { REPORT_MAX = 1 << 14 };

const char *const health_offers[] = { "text/plain", "application/json", NULL };

static int check_running(struct service *s, struct error *err)
{
    return s->draining
               ? error_set(err, ERR_BUSY, "the service is shutting down")
               : 0;
}

static int check_database(struct service *s, struct error *err)
{
    return db_check(s->db, err);
}

static int check_disk(struct service *s, struct error *err)
{
    return temp_check(s->temp, 0, s->settings->min_free, err);
}

static int check_queue(struct service *s, struct error *err)
{
    uint64_t limit = s->settings->jobs_queued; /* 0: none */
    uint64_t jobs[JOB_STATES];

    if (gate_is_full(s->gate))
        return error_set(err, ERR_BUSY, "too many conversions wait already");
    jobs_count(s->jobs, jobs);
    if (limit > 0 && jobs[JOB_QUEUED] >= limit)
        return error_set(err, ERR_QUEUE_FULL, "too many jobs wait already");
    return 0;
}

static const struct {
    const char *name;
    int (*run)(struct service *s, struct error *err);
} checks[] = {
    { "running", check_running },
    { "database", check_database },
    { "disk", check_disk },
    { "queue", check_queue },
};

enum { CHECKS = sizeof checks / sizeof *checks };

static int reply_ok(struct exchange *x, struct error *err)
{
    return exchange_reply_bytes(x, MHD_HTTP_OK, "text/plain; charset=utf-8",
                                "ok\n", 3, err);
}

int health_live(struct exchange *x, struct error *err)
{
    return reply_ok(x, err);
}

/* Runs all checks into report; whether all are well. */
static bool write_report(struct service *s, struct buf *report)
{
    struct json_writer w = JSON_WRITER(report, JSON_STYLE_COMPACT);
    bool ready = true;
    struct error err;

    json_open(&w, '{');
    json_key(&w, "checks");
    json_open(&w, '[');
    for (size_t i = 0; i < CHECKS; i++) {
        int rc = checks[i].run(s, &err);

        json_open(&w, '{');
        json_key_str(&w, "name", checks[i].name);
        json_key_bool(&w, "ok", rc == 0);
        if (rc)
            json_key_str(&w, "detail", err.text);
        json_close(&w, '}');
        ready = ready && !rc;
    }
    json_close(&w, ']');
    json_key_bool(&w, "ready", ready);
    json_close(&w, '}');
    buf_putc(report, '\n');
    return ready;
}

static int reply_report(struct exchange *x, struct error *err)
{
    struct buf report = BUF_INIT(REPORT_MAX);
    unsigned status = write_report(x->service, &report)
                          ? MHD_HTTP_OK
                          : MHD_HTTP_SERVICE_UNAVAILABLE;
    int rc = buf_status(&report, err);

    if (!rc)
        rc = exchange_reply_bytes(x, status, "application/json", report.data,
                                  report.len, err);
    buf_done(&report);
    return rc;
}

int health_ready(struct exchange *x, struct error *err)
{
    int rc = 0;

    if (x->offer > 0 || exchange_has_query(x, "verbose"))
        return reply_report(x, err);
    for (size_t i = 0; i < CHECKS && !rc; i++)
        rc = checks[i].run(x->service, err);
    if (!rc)
        return reply_ok(x, err);
    /* Whatever the reason, to a prober the service is unavailable. */
    if (err)
        err->code = ERR_BUSY;
    return ERR_BUSY;
}
