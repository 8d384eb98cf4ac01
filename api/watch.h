/*
 * The watch over connections: what blocking calls and inactivity timeouts
 * cannot see.
 *
 * - A client that sends a request's head, or its body, too slowly is cut off,
 *   and so is one that takes the reply too slowly: one byte now and then
 *   defeats an inactivity timeout, but not this.
 * - A request that takes too long as a whole is cancelled, or cut off where
 *   there is nothing to cancel.
 * - A client that leaves while its conversion runs has it cancelled. Closing
 *   only the sending side counts as leaving, as with other servers.
 */
#ifndef SWITCHYARD_API_WATCH_H
#define SWITCHYARD_API_WATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct watch;
struct watched; /* a connection */

struct watch_limits {
    unsigned head_seconds;  /* for a head, or without a request */
    unsigned rate_seconds;  /* before the rate of a body or a reply counts */
    unsigned rate;          /* bytes in a second, on average */
    uint64_t total_seconds; /* from the end of the head to that of the reply */
};

/* Starts a thread; watch_stop() ends it. */
int watch_start(const struct watch_limits *limits, struct watch **out,
                struct error *err);
void watch_stop(struct watch *w);

/* A connection on a socket, which stays open until watch_remove(). */
struct watched *watch_add(struct watch *w, int socket);
void watch_remove(struct watch *w, struct watched *c);

/*
 * Where a connection is. All accept NULL as the connection. Until the work ends
 * *cancel is set when it should; NULL where nothing can be cancelled.
 */
void watch_head(struct watch *w, struct watched *c);
void watch_body(struct watch *w, struct watched *c, size_t more);
void watch_work(struct watch *w, struct watched *c, atomic_bool *cancel);
void watch_reply(struct watch *w, struct watched *c);

/* Whether the work was cancelled because the request took too long. */
bool watch_is_late(struct watch *w, struct watched *c);

/* Sets every cancel of watch_work(), and from now on at once. */
void watch_cancel_all(struct watch *w);

#endif
