/*
 * How many requests a second each client may make.
 *
 * One token bucket for each client, in a table that never grows: where it is
 * full, the bucket that has been idle longest is given away. A client is an
 * IPv4 address or the first 64 bits of an IPv6 address.
 */
#ifndef SWITCHYARD_SERVICE_LIMITER_H
#define SWITCHYARD_SERVICE_LIMITER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"

struct limiter;

/* rate is requests a second, burst how many may come at once; both > 0. */
int limiter_new(double rate, double burst, struct limiter **out,
                struct error *err);

/*
 * Takes one request of a client. now is a monotonic clock in nanoseconds.
 * false if there are too many; *retry_after is then the seconds, at least 1,
 * after which one is granted. Thread safe.
 */
bool limiter_take(struct limiter *l, const struct sockaddr *client,
                  uint64_t now, unsigned *retry_after);

void limiter_free(struct limiter *l);

#endif
