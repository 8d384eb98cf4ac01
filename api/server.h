/*
 * The HTTP service.
 */
#ifndef SWITCHYARD_API_SERVER_H
#define SWITCHYARD_API_SERVER_H

#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

struct server_options {
    const char *listen;  /* "127.0.0.1:8080", "[::1]:0"; borrowed, as is data */
    const char *data;    /* the data folder */
    uint64_t max_upload; /* bytes of a body, and of what is packed in it */
    uint64_t max_entries; /* files and folders of an upload */
    unsigned threads;     /* of a conversion; 0: one for each CPU */
    uint64_t memory;      /* of all conversions; 0: 512 MiB */
    unsigned max_connections;
    unsigned max_per_client; /* connections of one address; 0: no limit */
    unsigned max_conversions;
    unsigned max_queue; /* conversions that wait */
    unsigned timeout;   /* seconds without a byte until a connection ends */
    unsigned grace;     /* seconds to finish requests when stopping */
};

void server_defaults(struct server_options *o);

struct server;

/* Listens and answers, in threads of its own. server_stop() ends it. */
int server_start(const struct server_options *o, struct server **out,
                 struct error *err);

/* "http://127.0.0.1:8080", with the real port; returns text. */
const char *server_url(const struct server *s, char text[static 80]);

/* One line for each method and path, for comparing with openapi.yaml. */
void server_print_routes(FILE *out);

/*
 * Takes no new connections, lets requests finish for the grace period, cancels
 * the conversions that are left, and frees the server.
 */
void server_stop(struct server *s);

#endif
