/*
 * Addresses to listen on, without a resolver.
 *
 * "*" is the IPv6 wildcard, whose socket takes IPv4 as well. An IPv4 address
 * inside IPv6 (::ffff:127.0.0.1) counts as what it wraps.
 */
#include "service/address.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/num.h"

static int refuse(const char *name, const char *text, struct error *err)
{
    error_set(err, ERR_USAGE, "%s is not an address to listen on: '%.100s'",
              name, text);
    error_actual(err, "%.100s", text);
    return error_expected(
        err, "ADDRESS:PORT, as 127.0.0.1:8080, [::1]:8080 or *:8080");
}

/* Cuts "host:port" or "[host]:port"; host has room for 64 bytes. */
static bool split(const char *text, char host[static 64], const char **port)
{
    const char *colon = strrchr(text, ':');
    const char *from = text;
    size_t len;

    if (!colon)
        return false;
    len = (size_t)(colon - text);
    if (*text == '[') {
        if (len < 2 || colon[-1] != ']')
            return false;
        from++;
        len -= 2;
    } else if (memchr(text, ':', len)) {
        return false;
    }
    if (len == 0 || len >= 64)
        return false;
    memcpy(host, from, len);
    host[len] = '\0';
    *port = colon + 1;
    return true;
}

static bool set_host(const char *host, bool bracketed, uint16_t port,
                     struct address *a)
{
    memset(a, 0, sizeof *a);
    if (bracketed || !strcmp(host, "*")) {
        a->sock.v6.sin6_family = AF_INET6;
        a->sock.v6.sin6_port = htons(port);
        a->len = sizeof a->sock.v6;
        return !bracketed ||
               inet_pton(AF_INET6, host, &a->sock.v6.sin6_addr) == 1;
    }
    if (!strcmp(host, "localhost"))
        host = "127.0.0.1";
    a->sock.v4.sin_family = AF_INET;
    a->sock.v4.sin_port = htons(port);
    a->len = sizeof a->sock.v4;
    return inet_pton(AF_INET, host, &a->sock.v4.sin_addr) == 1;
}

int address_parse(const char *name, const char *text, struct address *out,
                  struct error *err)
{
    char host[64];
    const char *port_text = NULL;
    struct address a;
    uint64_t port = 0;
    int rc;

    if (!split(text, host, &port_text))
        return refuse(name, text, err);
    rc = num_parse_uint(name, port_text, 0, 65535, &port, err);
    if (rc)
        return rc;
    if (!set_host(host, *text == '[', (uint16_t)port, &a))
        return refuse(name, text, err);
    *out = a;
    return 0;
}

bool address_is_loopback(const struct sockaddr *a)
{
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;

    if (a->sa_family == AF_INET) {
        memcpy(&v4, a, sizeof v4);
        return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    }
    if (a->sa_family != AF_INET6)
        return false;
    memcpy(&v6, a, sizeof v6);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
        return v6.sin6_addr.s6_addr[12] == 127;
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}
