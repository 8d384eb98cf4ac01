/*
 * The server: starts and stops libmicrohttpd and what all requests share.
 *
 * Each connection has a thread, so a request's work may block in it: it writes
 * files, waits for its turn, converts. That suits few large requests; it is the
 * number of connections that is limited, and they are what memory and threads
 * are needed for.
 */
#include "server.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "exchange.h"
#include "measure.h"
#include "resources.h"
#include "routes.h"
#include "service.h"
#include "service/address.h"
#include "service/log.h"

enum {
    /* Half of it is for pieces of a body, or for a head; a head that is still
     * larger libmicrohttpd refuses by itself, with 431 as well. */
    CONNECTION_MEMORY = 4 * EXCHANGE_HEAD_MAX,
    THREAD_STACK = 1 << 20,
    HEAD_SECONDS = 60,
    RATE_SECONDS = 60,
    RATE = 1024, /* bytes in a second, of a body or a reply */
    LOOK_MS = 50,
    LAST_REPLIES_SECONDS = 2,
};

struct server {
    struct service service;
    struct MHD_Daemon *daemon;
    struct address address;
};

static void notice(void *cls, struct MHD_Connection *c, void **ctx,
                   enum MHD_ConnectionNotificationCode what)
{
    struct service *s = cls;
    const union MHD_ConnectionInfo *info;

    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        watch_remove(s->watch, *ctx);
        *ctx = NULL;
        return;
    }
    info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    *ctx = info ? watch_add(s->watch, info->connect_fd) : NULL;
}

static void log_daemon(void *cls, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

/* What libmicrohttpd tells is about connections that broke. */
static void log_daemon(void *cls, const char *fmt, va_list args)
{
    char text[300];

    (void)cls;
    vsnprintf(text, sizeof text, fmt, args);
    text[strcspn(text, "\n")] = '\0';
    log_write(LOG_LEVEL_DEBUG, NULL, "libmicrohttpd",
              LOG_FIELDS(LOG_TEXT("text", text)));
}

static int start_daemon(struct server *s, struct error *err)
{
    const struct settings *o = s->service.settings;
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION |
                     MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
                     MHD_USE_ERROR_LOG | MHD_USE_ITC;

    if (s->address.sock.any.sa_family == AF_INET6)
        flags |= MHD_USE_DUAL_STACK;
    s->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, exchange_access, &s->service,
        MHD_OPTION_EXTERNAL_LOGGER, log_daemon, NULL, MHD_OPTION_SOCK_ADDR,
        &s->address.sock.any, MHD_OPTION_URI_LOG_CALLBACK, exchange_open,
        &s->service, MHD_OPTION_NOTIFY_COMPLETED, exchange_close, &s->service,
        MHD_OPTION_NOTIFY_CONNECTION, notice, &s->service,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)o->connections,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)o->client_connections,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)o->idle_time,
        MHD_OPTION_THREAD_STACK_SIZE, (size_t)THREAD_STACK,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (s->daemon)
        return 0;
    error_set(err, ERR_USAGE, "cannot listen on %.100s", o->listen);
    return error_hint(err, "is the port taken, or below 1024?");
}

/* Frees what server_start() made, in any state. */
static void release(struct server *s)
{
    if (s->daemon)
        MHD_stop_daemon(s->daemon);
    watch_stop(s->service.watch);
    gate_free(s->service.gate);
    resources_close(&s->service);
    measure_free(s->service.measure);
    temp_close(s->service.temp);
    limiter_free(s->service.limiter);
    access_free(s->service.access);
    free(s);
}

static int open_access(struct server *s, struct error *err)
{
    const struct settings *o = s->service.settings;
    const struct access_config config = {
        .token_file = o->token_file,
        .token = o->token,
        .no_auth = o->no_auth,
        .cors_origins = o->cors_origins,
        .listen = &s->address.sock.any,
    };
    double rate = (double)o->client_rate;
    int rc = access_open(&config, &s->service.access, err);

    if (!rc && o->client_rate > 0)
        rc = limiter_new(rate, 2 * rate, &s->service.limiter, err);
    return rc;
}

static int open_service(struct service *s, struct error *err)
{
    const struct settings *o = s->settings;
    const struct watch_limits limits = { .head_seconds = HEAD_SECONDS,
                                         .rate_seconds = RATE_SECONDS,
                                         .rate = RATE,
                                         .total_seconds = o->request_time };
    int rc = temp_open(o->data, &s->temp, err);

    if (!rc)
        rc = resources_open(s, err);
    if (!rc)
        rc = measure_new(s, &s->measure, err);
    if (!rc)
        rc = resources_start(s, err);
    if (!rc)
        rc = gate_new((unsigned)o->jobs_at_once, (unsigned)o->jobs_queued,
                      &s->gate, err);
    if (!rc)
        rc = watch_start(&limits, &s->watch, err);
    return rc;
}

int server_start(const struct settings *settings, struct server **out,
                 struct error *err)
{
    struct server *s = calloc(1, sizeof *s);
    int rc;

    if (!s)
        return error_memory(err);
    s->service.settings = settings;
    rc = address_parse("listen", settings->listen, &s->address, err);
    if (!rc)
        rc = open_access(s, err);
    if (!rc)
        rc = open_service(&s->service, err);
    if (!rc)
        rc = start_daemon(s, err);
    if (rc)
        release(s);
    else
        *out = s;
    return rc;
}

void server_tend(struct server *s)
{
    resources_tend(&s->service);
}

void server_reload(struct server *s)
{
    struct error err;

    if (access_reload(s->service.access, true, &err))
        log_failure(LOG_LEVEL_WARNING, NULL, "the tokens stay as they were",
                    &err);
}

/* The address as it was asked for, with the port that the system gave. */
const char *server_url(const struct server *s, char text[static 80])
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
    const char *listen = s->service.settings->listen;

    snprintf(text, 80, "http://%.*s:%u", (int)(strrchr(listen, ':') - listen),
             listen, info ? (unsigned)info->port : 0U);
    return text;
}

void server_print_routes(FILE *out)
{
    routes_print(out);
}

/* Until no request is active, for some seconds at most. */
static void wait_for_requests(const struct service *s, unsigned seconds)
{
    static const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };

    for (unsigned i = 0; s->active > 0 && i < seconds * 1000 / LOOK_MS; i++)
        nanosleep(&pause, NULL);
}

void server_stop(struct server *s)
{
    time_t began = time(NULL);
    unsigned grace;
    unsigned spent;
    MHD_socket listening;

    if (!s)
        return;
    grace = (unsigned)s->service.settings->grace_time;
    s->service.draining = true;
    listening = MHD_quiesce_daemon(s->daemon);
    if (listening != MHD_INVALID_SOCKET)
        close(listening);
    resources_stop(&s->service, grace);
    spent = (unsigned)(time(NULL) - began);
    wait_for_requests(&s->service, grace > spent ? grace - spent : 0);
    watch_cancel_all(s->service.watch);
    wait_for_requests(&s->service, LAST_REPLIES_SECONDS);
    release(s);
}
