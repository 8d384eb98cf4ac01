/*
 * Where the service listens: "127.0.0.1:8080", "[::1]:8080", "localhost:8080"
 * or "*:8080" (every address).
 */
#ifndef SWITCHYARD_SERVICE_ADDRESS_H
#define SWITCHYARD_SERVICE_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/error.h"

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } sock;
    socklen_t len;
};

/*
 * Numbers only but for "localhost", so that nothing is looked up. ERR_USAGE for
 * anything else; name is what the user calls the value. Port 0 lets the system
 * choose.
 */
int address_parse(const char *name, const char *text, struct address *out,
                  struct error *err);

/* Whether only this machine can reach it: 127.0.0.0/8 or ::1. */
bool address_is_loopback(const struct sockaddr *a);

#endif
