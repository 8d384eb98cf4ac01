/*
 * The watch over connections: what blocking calls and inactivity timeouts
 * cannot see.
 *
 * - A client that sends a request's head, or its body, too slowly is cut off:
 *   one byte now and then defeats an inactivity timeout, but not this.
 * - A client that leaves while its conversion runs has it cancelled. Closing
 *   only the sending side counts as leaving, as with other servers.
 */
#ifndef SWITCHYARD_API_WATCH_H
#define SWITCHYARD_API_WATCH_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/error.h"

struct watch;
struct watched; /* a connection */

struct watch_limits {
    unsigned head_seconds; /* for a head, or without a request */
    unsigned body_seconds; /* before the rate of a body counts */
    unsigned body_rate;    /* bytes in a second, on average */
};

/* Starts a thread; watch_stop() ends it. */
int watch_start(const struct watch_limits *limits, struct watch **out,
                struct error *err);
void watch_stop(struct watch *w);

/* A connection on a socket, which stays open until watch_remove(). */
struct watched *watch_add(struct watch *w, int socket);
void watch_remove(struct watch *w, struct watched *c);

/* Where a connection is. All accept NULL as the connection. */
void watch_head(struct watch *w, struct watched *c);
void watch_body(struct watch *w, struct watched *c, size_t more);
void watch_work(struct watch *w, struct watched *c, atomic_bool *cancel);
void watch_reply(struct watch *w, struct watched *c);

/* Sets every cancel of watch_work(), and from now on at once. */
void watch_cancel_all(struct watch *w);

#endif
