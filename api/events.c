/*
 * GET /v1/conversions/{id}/events: what happens to a job, as it happens.
 *
 * Server-sent events, or on request a line of JSON each. Changes of state are
 * kept with the job, so a client that comes back with Last-Event-ID misses
 * none; progress is told in between, without an id. The stream ends with the
 * job. It is produced in the connection's own thread, which waits meanwhile.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/num.h"
#include "job_json.h"
#include "routes.h"

enum {
    PENDING_MAX = 64 << 10,
    PIECE = 4096,
    WAIT_MS = 1000,
    HEARTBEAT_SECONDS = 15,
    EVENTS_AT_ONCE = 16,
    RETRY_MS = 2000,
};

enum { OFFER_EVENTS, OFFER_LINES };

const char *const events_offers[] = { [OFFER_EVENTS] = "text/event-stream",
                                      [OFFER_LINES] = "application/x-ndjson",
                                      NULL };

struct stream {
    struct service *service;
    char id[JOB_ID_LEN + 1];
    bool lines;    /* JSON lines, not server-sent events */
    uint64_t seen; /* the last event that was told */
    uint64_t tick; /* the last progress */
    bool over;
    time_t told; /* when something was sent last */
    struct buf pending;
    size_t at; /* what of it was sent */
};

/* One event, whose data is the object in json. */
static void put_event(struct stream *s, const char *name, uint64_t id,
                      struct buf *json)
{
    if (!s->lines) {
        buf_printf(&s->pending, "event: %s\n", name);
        if (id)
            buf_printf(&s->pending, "id: %llu\n", (unsigned long long)id);
        buf_puts(&s->pending, "data: ");
    }
    buf_append(&s->pending, json->data, json->len);
    buf_puts(&s->pending, s->lines ? "\n" : "\n\n");
    buf_done(json);
}

static void put_state(struct stream *s, const struct job_event *e)
{
    struct buf json = BUF_INIT(PENDING_MAX);
    struct json_writer w = JSON_WRITER(&json, JSON_STYLE_COMPACT);

    json_open(&w, '{');
    json_key_str(&w, "event", "state");
    json_key_u64(&w, "id", e->seq);
    json_key_str(&w, "state", job_state_name(e->state));
    json_key_time(&w, "time", e->time);
    json_key_u64(&w, "attempt", e->attempt);
    json_close(&w, '}');
    put_event(s, "state", e->seq, &json);
    s->seen = e->seq;
    s->over = job_ended(e->state);
}

static void put_progress(struct stream *s, const struct job_progress *p)
{
    struct buf json = BUF_INIT(PENDING_MAX);
    struct json_writer w = JSON_WRITER(&json, JSON_STYLE_COMPACT);

    json_open(&w, '{');
    json_key_str(&w, "event", "progress");
    json_key_u64(&w, "bytes_done", p->bytes_done);
    json_key_u64(&w, "bytes_total", p->bytes_total);
    json_key_u64(&w, "tensors_done", p->tensors_done);
    json_key_u64(&w, "tensors_total", p->tensors_total);
    json_key_u64(&w, "bytes_per_second", p->rate);
    json_close(&w, '}');
    put_event(s, "progress", 0, &json);
    s->tick = p->tick;
}

/* Changes of state that were not told yet. */
static int tell_states(struct stream *s, struct error *err)
{
    struct job_event events[EVENTS_AT_ONCE];
    size_t n = 0;
    int rc = jobs_events(s->service->jobs, s->id, s->seen, events,
                         EVENTS_AT_ONCE, &n, err);

    for (size_t i = 0; i < n && !rc; i++)
        put_state(s, &events[i]);
    return rc;
}

/* Waits until there is something to tell, and tells it. */
static int tell(struct stream *s, struct error *err)
{
    struct job_progress progress = { .tick = 0 };
    struct job *job = NULL;
    int rc = tell_states(s, err);

    if (rc || s->pending.len || s->over)
        return rc;
    rc = jobs_wait(s->service->jobs, s->id, s->seen, s->tick, WAIT_MS, &job,
                   &progress, err);
    if (rc)
        return rc;
    if (progress.tick > s->tick)
        put_progress(s, &progress);
    job_unref(job);
    if (!s->lines && time(NULL) - s->told >= HEARTBEAT_SECONDS)
        buf_puts(&s->pending, ": still here\n\n");
    return 0;
}

static ssize_t read_stream(void *ctx, uint64_t at, char *dst, size_t max)
{
    struct stream *s = ctx;
    size_t n;

    (void)at;
    if (s->at == s->pending.len) {
        buf_clear(&s->pending);
        s->at = 0;
        while (!s->pending.len && !s->over) {
            if (s->service->draining || tell(s, NULL) ||
                s->pending.failed) /* gone, or the service stops */
                return MHD_CONTENT_READER_END_OF_STREAM;
        }
        if (!s->pending.len)
            return MHD_CONTENT_READER_END_OF_STREAM;
        s->told = time(NULL);
    }
    n = num_min(max, s->pending.len - s->at);
    memcpy(dst, s->pending.data + s->at, n);
    s->at += n;
    return (ssize_t)n;
}

static void free_stream(void *ctx)
{
    struct stream *s = ctx;

    buf_done(&s->pending);
    free(s);
}

/* Where a client that comes back goes on. */
static int read_last_id(const struct exchange *x, uint64_t *last,
                        struct error *err)
{
    const char *text = exchange_header(x, "Last-Event-ID");

    *last = 0;
    return text ? num_parse_uint("Last-Event-ID", text, 0, INT64_MAX, last, err)
                : 0;
}

static int open_stream(struct exchange *x, struct stream **out,
                       struct error *err)
{
    const char *id = exchange_param(x, "id");
    struct job *job = NULL;
    struct stream *s;
    uint64_t last;
    int rc = jobs_get(x->service->jobs, id, &job, NULL, err);

    job_unref(job);
    if (!rc)
        rc = read_last_id(x, &last, err);
    if (rc)
        return rc;
    s = calloc(1, sizeof *s);
    if (!s)
        return error_memory(err);
    s->service = x->service;
    memcpy(s->id, id, sizeof s->id - 1);
    s->lines = x->offer == OFFER_LINES;
    s->seen = last;
    s->told = time(NULL);
    s->pending = BUF_INIT(PENDING_MAX);
    if (!s->lines)
        buf_printf(&s->pending, "retry: %d\n\n", RETRY_MS);
    *out = s;
    return 0;
}

int events_get(struct exchange *x, struct error *err)
{
    struct MHD_Response *r;
    struct stream *s = NULL;
    int rc = open_stream(x, &s, err);

    if (rc)
        return rc;
    r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE, read_stream,
                                          s, free_stream);
    if (!r)
        free_stream(s);
    if (r) {
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE,
                                events_offers[x->offer]);
        MHD_add_response_header(r, "X-Accel-Buffering", "no");
    }
    return exchange_reply(x, MHD_HTTP_OK, 0, r, err);
}
