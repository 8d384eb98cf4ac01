/*
 * An exchange: one request and its reply.
 *
 * libmicrohttpd calls exchange_access() for a request's head, each piece of its
 * body, and its end, always in the connection's own thread, so everything here
 * may block. A route's functions get the exchange and either reply or return an
 * error, which becomes a problem document.
 */
#ifndef SWITCHYARD_API_EXCHANGE_H
#define SWITCHYARD_API_EXCHANGE_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "path.h"
#include "service.h"
#include "service/trace.h"

enum method {
    METHOD_GET = 1 << 0,
    METHOD_HEAD = 1 << 1,
    METHOD_POST = 1 << 2,
    METHOD_PUT = 1 << 3,
    METHOD_PATCH = 1 << 4,
    METHOD_DELETE = 1 << 5,
    METHOD_OPTIONS = 1 << 6,
    METHOD_OTHER = 1 << 7,
};

enum { EXCHANGE_PATH_MAX = 200, EXCHANGE_HEAD_MAX = 16 << 10 };

struct route;

struct exchange {
    struct service *service;
    struct MHD_Connection *connection;
    struct watched *watched;
    const struct route *route; /* NULL: no such path */
    void *job;                 /* the route's own */
    enum method method;
    const char *method_name;
    char id[TRACE_REQUEST_MAX + 1];
    struct trace trace;
    char path[EXCHANGE_PATH_MAX + 1]; /* for the log */
    char *target;                     /* the path as sent, without query */
    struct path_params params;        /* of the route's template */
    int offer; /* of the route's media types, the one that is wanted */
    struct timespec began;
    bool has_head;
    bool has_replied;
    bool must_close; /* after this reply */
    struct access_who who;
    const char *caching;  /* Cache-Control; NULL: no-store */
    unsigned retry_after; /* seconds, for the reply; 0: not told */
    uint64_t received;    /* bytes of the body */
    uint64_t ignore_left; /* bytes that may still come in vain */
    uint64_t max_body;    /* bytes; a route may change it at the head */
    unsigned status;
    uint64_t sent;    /* bytes of the reply's body, as announced */
    struct error err; /* code 0 while nothing has failed */
};

/* What libmicrohttpd calls; cls is the service. */
void *exchange_open(void *cls, const char *uri, struct MHD_Connection *c);
enum MHD_Result exchange_access(void *cls, struct MHD_Connection *c,
                                const char *url, const char *method,
                                const char *version, const char *data,
                                size_t *len, void **ctx);
void exchange_close(void *cls, struct MHD_Connection *c, void **ctx,
                    enum MHD_RequestTerminationCode how);

/* What stands for {name} in the route's path; "" where it has none. */
const char *exchange_param(const struct exchange *x, const char *name);

/* An argument of the query, decoded, or NULL. */
const char *exchange_query(const struct exchange *x, const char *name);

/* Whether the query has an argument, also one without a value. */
bool exchange_has_query(const struct exchange *x, const char *name);

/* A request header's value or NULL. */
const char *exchange_header(const struct exchange *x, const char *name);

/* The announced length of the body; false if there is none. */
bool exchange_content_length(const struct exchange *x, uint64_t *length);

/* Queues the reply, which it takes over; NULL is out of memory. */
int exchange_reply(struct exchange *x, unsigned status, uint64_t size,
                   struct MHD_Response *response, struct error *err);

/* Replies with a copy of data. */
int exchange_reply_bytes(struct exchange *x, unsigned status, const char *type,
                         const void *data, size_t len, struct error *err);

#endif
