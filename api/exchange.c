/*
 * Exchanges: from libmicrohttpd's callbacks to a route and back.
 *
 * A reply can be queued only before the body or after all of it. So an error in
 * the middle is kept, the rest of the body is read and ignored, and the error
 * answered at the end; a client that announced what it will send, and that it
 * would wait (Expect), is answered at once. How much is ignored has a limit,
 * beyond which the connection is cut.
 */
#include "exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"
#include "guard.h"
#include "head.h"
#include "measure.h"
#include "problem.h"
#include "routes.h"
#include "service/log.h"

#define IGNORE_MAX ((uint64_t)16 << 20)

enum { PROBLEM_MAX = 1 << 14 };

void *exchange_open(void *cls, const char *uri, struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct exchange *x = calloc(1, sizeof *x);

    if (!x)
        return NULL;
    x->service = cls;
    x->service->active++;
    x->connection = c;
    x->watched = info ? info->socket_context : NULL;
    x->ignore_left = IGNORE_MAX;
    x->max_body = x->service->settings->max_body;
    clock_gettime(CLOCK_MONOTONIC, &x->began);
    trace_request_id(NULL, x->id);
    /* Without the query, which may hold what is nobody else's business. */
    x->target = strndup(uri, strcspn(uri, "?"));
    snprintf(x->path, sizeof x->path, "%s", x->target ? x->target : "");
    return x;
}

static double seconds_since(const struct timespec *began)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - began->tv_sec) +
           (double)(now.tv_nsec - began->tv_nsec) / 1e9;
}

static void log_access(const struct exchange *x,
                       enum MHD_RequestTerminationCode how)
{
    bool whole = how == MHD_REQUEST_TERMINATED_COMPLETED_OK;
    enum log_level level = !x->has_head       ? LOG_LEVEL_DEBUG
                           : x->status == 500 ? LOG_LEVEL_ERROR
                                              : LOG_LEVEL_INFO;

    log_write(level, x->id, "request",
              LOG_FIELDS(LOG_TEXT("method", x->method_name),
                         LOG_TEXT("path", x->path),
                         LOG_NUMBER("status", x->status),
                         LOG_SECONDS("seconds", seconds_since(&x->began)),
                         LOG_NUMBER("received", x->received),
                         LOG_NUMBER("sent", x->sent),
                         LOG_TEXT("who", *x->who.name ? x->who.name : NULL),
                         LOG_TEXT("end", whole ? NULL : "cut"),
                         LOG_TEXT("trace", x->has_head ? x->trace.id : NULL),
                         LOG_TEXT("span", x->has_head ? x->trace.span : NULL)));
    if (x->err.code)
        log_failure(level, x->id, "request refused", &x->err);
}

void exchange_close(void *cls, struct MHD_Connection *c, void **ctx,
                    enum MHD_RequestTerminationCode how)
{
    struct exchange *x = *ctx;
    struct service *s = cls;

    (void)c;
    *ctx = NULL;
    if (!x)
        return;
    log_access(x, how);
    measure_request(s->measure, x, seconds_since(&x->began));
    if (x->job)
        x->route->close(x);
    watch_head(s->watch, x->watched);
    free(x->target);
    free(x);
    s->active--;
}

const char *exchange_param(const struct exchange *x, const char *name)
{
    const char *value = path_param(&x->params, name);

    return value ? value : "";
}

const char *exchange_query(const struct exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->connection, MHD_GET_ARGUMENT_KIND,
                                       name);
}

bool exchange_has_query(const struct exchange *x, const char *name)
{
    return MHD_lookup_connection_value_n(x->connection, MHD_GET_ARGUMENT_KIND,
                                         name, strlen(name), NULL,
                                         NULL) == MHD_YES;
}

const char *exchange_header(const struct exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

bool exchange_content_length(const struct exchange *x, uint64_t *length)
{
    const char *text = exchange_header(x, MHD_HTTP_HEADER_CONTENT_LENGTH);

    return text &&
           !num_parse_uint("Content-Length", text, 0, UINT64_MAX, length, NULL);
}

int exchange_reply(struct exchange *x, unsigned status, uint64_t size,
                   struct MHD_Response *response, struct error *err)
{
    enum MHD_Result queued;

    if (!response)
        return error_memory(err);
    MHD_add_response_header(response, "X-Request-Id", x->id);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL,
                            x->caching ? x->caching : "no-store");
    guard_add_cors(x, response);
    if (x->route && x->route->headers)
        x->route->headers(x, response);
    queued = MHD_queue_response(x->connection, status, response);
    MHD_destroy_response(response);
    if (queued != MHD_YES)
        return error_set(err, ERR_INTERNAL, "a reply could not be queued");
    x->has_replied = true;
    x->status = status;
    x->sent = x->method == METHOD_HEAD ? 0 : size;
    return 0;
}

int exchange_reply_bytes(struct exchange *x, unsigned status, const char *type,
                         const void *data, size_t len, struct error *err)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(
        len, (void *)(uintptr_t)data, MHD_RESPMEM_MUST_COPY);

    if (r)
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    return exchange_reply(x, status, len, r, err);
}

/* When to try again, for errors that pass. */
static void add_retry_after(const struct exchange *x, unsigned status,
                            struct MHD_Response *r)
{
    unsigned seconds = x->retry_after;
    char text[16];

    if (!seconds && (status == MHD_HTTP_SERVICE_UNAVAILABLE ||
                     status == MHD_HTTP_TOO_MANY_REQUESTS))
        seconds = 10;
    snprintf(text, sizeof text, "%u", seconds);
    if (seconds)
        MHD_add_response_header(r, MHD_HTTP_HEADER_RETRY_AFTER, text);
}

/* Answers with x->err. */
static enum MHD_Result reply_problem(struct exchange *x)
{
    unsigned status = (unsigned)error_http_status(x->err.code);
    struct buf b = BUF_INIT(PROBLEM_MAX);
    struct MHD_Response *r = NULL;
    char allow[80];
    int rc;

    problem_write(&x->err, x->id, x->trace.id, &b);
    if (!buf_status(&b, NULL))
        r = MHD_create_response_from_buffer(b.len, b.data,
                                            MHD_RESPMEM_MUST_COPY);
    if (r) {
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE,
                                PROBLEM_MEDIA_TYPE);
        if (x->err.code == ERR_METHOD)
            MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW,
                                    routes_allow(x->route, allow));
        guard_add_challenge(x, x->err.code, r);
        add_retry_after(x, status, r);
        if (x->must_close)
            MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    rc = exchange_reply(x, status, b.len, r, NULL);
    buf_done(&b);
    return rc ? MHD_NO : MHD_YES;
}

static int reply_options(struct exchange *x, struct error *err)
{
    struct MHD_Response *r =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    char allow[80];

    if (r) {
        MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW,
                                routes_allow(x->route, allow));
        guard_add_preflight(x, routes_allow(x->route, allow), r);
    }
    return exchange_reply(x, MHD_HTTP_NO_CONTENT, 0, r, err);
}

/* Takes the client's own ids, if they are harmless. */
static void adopt_ids(struct exchange *x)
{
    const char *id = exchange_header(x, "X-Request-Id");

    if (id)
        trace_request_id(id, x->id);
    trace_start(exchange_header(x, "traceparent"), &x->trace);
}

/*
 * Whether a call that got &x->err failed. One that succeeded may have left the
 * trace of something that it tried there.
 */
static bool has_failed(struct exchange *x, int rc)
{
    if (!rc)
        x->err.code = ERR_OK;
    return rc != 0;
}

/* Whether an error is to be answered before the body has come. */
static bool should_reply_now(const struct exchange *x)
{
    const char *expect = exchange_header(x, MHD_HTTP_HEADER_EXPECT);
    uint64_t length = 0;

    if (expect && !strcasecmp(expect, "100-continue"))
        return true;
    return exchange_content_length(x, &length) && length > IGNORE_MAX;
}

static enum MHD_Result take_head(struct exchange *x, const char *method)
{
    x->has_head = true;
    head_take_method(x, method);
    adopt_ids(x);
    watch_body(x->service->watch, x->watched, 0);
    if (!has_failed(x, head_check(x, &x->err)))
        return MHD_YES;
    return should_reply_now(x) ? reply_problem(x) : MHD_YES;
}

/* What may be ignored of a body after an error in the middle of it. */
static uint64_t ignorable(const struct exchange *x)
{
    uint64_t max = x->max_body;

    return x->received < max ? num_max(max - x->received, IGNORE_MAX)
                             : IGNORE_MAX;
}

static int feed_route(struct exchange *x, const char *data, size_t len,
                      struct error *err)
{
    if (x->received <= x->max_body)
        return x->route->body(x, data, len, err);
    error_set(err, ERR_LIMIT, "the request's body is too large");
    return error_expected(err, "at most %llu bytes",
                          (unsigned long long)x->max_body);
}

static enum MHD_Result take_body(struct exchange *x, const char *data,
                                 size_t len)
{
    bool wanted = !x->err.code && x->job;

    x->received += len;
    watch_body(x->service->watch, x->watched, len);
    if (wanted) {
        if (has_failed(x, feed_route(x, data, len, &x->err)))
            x->ignore_left = ignorable(x);
        return MHD_YES;
    }
    if (len > x->ignore_left)
        return MHD_NO;
    x->ignore_left -= len;
    return MHD_YES;
}

/* Says why it was cancelled, where the request took too long. */
static void explain_cancel(struct exchange *x)
{
    struct service *s = x->service;

    if (x->err.code != ERR_CANCELLED || !watch_is_late(s->watch, x->watched))
        return;
    error_set(&x->err, ERR_CANCELLED,
              "the request took longer than the service allows");
    error_expected(&x->err, "at most %llu seconds",
                   (unsigned long long)s->settings->request_time);
}

static enum MHD_Result take_end(struct exchange *x)
{
    watch_work(x->service->watch, x->watched, NULL);
    if (!x->err.code && x->method == METHOD_OPTIONS)
        has_failed(x, reply_options(x, &x->err));
    else if (!x->err.code)
        has_failed(x, x->route->finish(x, &x->err));
    explain_cancel(x);
    watch_reply(x->service->watch, x->watched);
    return x->err.code ? reply_problem(x) : MHD_YES;
}

enum MHD_Result exchange_access(void *cls, struct MHD_Connection *c,
                                const char *url, const char *method,
                                const char *version, const char *data,
                                size_t *len, void **ctx)
{
    struct exchange *x = *ctx;
    size_t n = *len;

    (void)cls;
    (void)c;
    (void)url; /* decoded, which loses where components end */
    (void)version;
    if (!x)
        return MHD_NO;
    if (!x->has_head)
        return take_head(x, method);
    *len = 0;
    if (n > 0)
        return take_body(x, data, n);
    return x->has_replied ? MHD_YES : take_end(x);
}
