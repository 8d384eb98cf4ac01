/*
 * The HTTP service.
 */
#ifndef SWITCHYARD_API_SERVER_H
#define SWITCHYARD_API_SERVER_H

#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

struct settings;
struct server;

/*
 * Listens and answers, in threads of its own, until server_stop(). The settings
 * are borrowed until then.
 */
int server_start(const struct settings *settings, struct server **out,
                 struct error *err);

/* What has to be done from time to time; call it about once a second. */
void server_tend(struct server *s);

/* Reads the token file again, whether or not it changed. */
void server_reload(struct server *s);

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
