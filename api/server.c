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
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "exchange.h"
#include "routes.h"
#include "service.h"
#include "service/log.h"

enum {
    CONNECTION_MEMORY = 64 << 10, /* for a head; a longer one is answered 431 */
    THREAD_STACK = 1 << 20,
    HEAD_SECONDS = 60,
    BODY_SECONDS = 60,
    BODY_RATE = 1024, /* bytes in a second */
    LOOK_MS = 50,
    LAST_REPLIES_SECONDS = 2,
};

struct server {
    struct service service;
    struct MHD_Daemon *daemon;
    struct addrinfo *address;
    char host[64]; /* as in a URL */
};

void server_defaults(struct server_options *o)
{
    *o = (struct server_options){
        .listen = "127.0.0.1:8080",
        .data = "switchyard-data",
        .max_upload = (uint64_t)32 << 30,
        .max_entries = 1000000,
        .memory = (uint64_t)512 << 20,
        .max_connections = 64,
        .max_conversions = 2,
        .max_queue = 16,
        .timeout = 60,
        .grace = 25,
    };
}

/* "127.0.0.1:8080" or "[::1]:8080" to an address to listen on. */
static int parse_listen(struct server *s, const char *text, struct error *err)
{
    static const struct addrinfo hints = {
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
    };
    const char *colon = strrchr(text, ':');
    char host[sizeof s->host];
    size_t len = colon ? (size_t)(colon - text) : 0;
    int why;

    if (!colon || len == 0 || len >= sizeof host || !colon[1])
        goto refuse;
    snprintf(s->host, sizeof s->host, "%.*s", (int)len, text);
    if (text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    snprintf(host, sizeof host, "%.*s", (int)len, text);
    why = getaddrinfo(host, colon + 1, &hints, &s->address);
    if (!why)
        return 0;
    s->address = NULL;
    error_set(err, ERR_USAGE, "cannot listen on %.100s: %s", s->host,
              gai_strerror(why));
    return error_expected(err, "ADDRESS:PORT");
refuse:
    error_set(err, ERR_USAGE, "'%.100s' is not an address to listen on", text);
    return error_expected(err, "ADDRESS:PORT, as 127.0.0.1:8080 or [::1]:8080");
}

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
    const struct server_options *o = &s->service.options;
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION |
                     MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
                     MHD_USE_ERROR_LOG | MHD_USE_ITC;

    if (s->address->ai_family == AF_INET6)
        flags |= MHD_USE_DUAL_STACK;
    s->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, exchange_access, &s->service,
        MHD_OPTION_EXTERNAL_LOGGER, log_daemon, NULL, MHD_OPTION_SOCK_ADDR,
        s->address->ai_addr, MHD_OPTION_URI_LOG_CALLBACK, exchange_open,
        &s->service, MHD_OPTION_NOTIFY_COMPLETED, exchange_close, &s->service,
        MHD_OPTION_NOTIFY_CONNECTION, notice, &s->service,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_LIMIT, o->max_connections,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, o->max_per_client,
        MHD_OPTION_CONNECTION_TIMEOUT, o->timeout, MHD_OPTION_THREAD_STACK_SIZE,
        (size_t)THREAD_STACK, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
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
    temp_close(s->service.temp);
    if (s->address)
        freeaddrinfo(s->address);
    free(s);
}

int server_start(const struct server_options *o, struct server **out,
                 struct error *err)
{
    static const struct watch_limits limits = { .head_seconds = HEAD_SECONDS,
                                                .body_seconds = BODY_SECONDS,
                                                .body_rate = BODY_RATE };
    struct server *s = calloc(1, sizeof *s);
    int rc;

    if (!s)
        return error_memory(err);
    s->service.options = *o;
    rc = parse_listen(s, o->listen, err);
    if (!rc)
        rc = temp_open(o->data, &s->service.temp, err);
    if (!rc)
        rc = gate_new(o->max_conversions, o->max_queue, &s->service.gate, err);
    if (!rc)
        rc = watch_start(&limits, &s->service.watch, err);
    if (!rc)
        rc = start_daemon(s, err);
    if (rc)
        release(s);
    else
        *out = s;
    return rc;
}

const char *server_url(const struct server *s, char text[static 80])
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);

    snprintf(text, 80, "http://%s:%u", s->host,
             info ? (unsigned)info->port : 0U);
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
    MHD_socket listening;

    if (!s)
        return;
    s->service.draining = true;
    listening = MHD_quiesce_daemon(s->daemon);
    if (listening != MHD_INVALID_SOCKET)
        close(listening);
    wait_for_requests(&s->service, s->service.options.grace);
    watch_cancel_all(s->service.watch);
    wait_for_requests(&s->service, LAST_REPLIES_SECONDS);
    release(s);
}
