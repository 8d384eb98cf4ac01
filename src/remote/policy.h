/*
 * Policy: what may be fetched on somebody's behalf.
 *
 * Two questions, asked at two times: may this URL be asked for (scheme, host,
 * port; when a request begins and at every redirect), and may this address be
 * connected to (after the name was resolved, before connect(), and again when a
 * connection is used once more). Only the second keeps a server's own network
 * out of reach: names resolve to what their owner wants, and addresses have
 * many spellings.
 *
 * A policy is made once and then only read, so all threads may share it.
 */
#ifndef SWITCHYARD_REMOTE_POLICY_H
#define SWITCHYARD_REMOTE_POLICY_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/error.h"
#include "remote/url.h"

struct policy;

/*
 * What this address is if it is none of the public Internet: "loopback",
 * "private", ... ; NULL if it is public. An IPv4 address inside an IPv6 one
 * (mapped, compatible, NAT64, 6to4, Teredo, ISATAP) never counts as public.
 * Any other family is "not an Internet address". Static text.
 */
const char *policy_check_address(const struct sockaddr *address);

/*
 * Lists hold words with commas or blanks between them; NULL or "" stands for
 * what is said at each. ERR_USAGE names the list and the word.
 */
struct policy_options {
    bool open;           /* any address, any port: who asks owns the machine */
    const char *schemes; /* "https http"; default: https, with open http too */
    const char *ports;   /* "443 8000-8999"; default: 443 (80 with http) */
    const char *hosts;   /* "example.org *.example.org"; default: any */
    /*
     * What may be reached though it is not public: hosts as above, addresses
     * and networks ("10.1.0.0/16", "fd00::/8"). Default: nothing.
     */
    const char *exceptions;
};

int policy_new(const struct policy_options *o, struct policy **out,
               struct error *err);
void policy_free(struct policy *p);

/* ERR_URL_DENIED, with the reason and a hint, unless u may be asked for. */
int policy_check_url(const struct policy *p, const struct url *u,
                     struct error *err);

/* Whether host may be reached at this address; *why is set if it may not. */
bool policy_allows_address(const struct policy *p, const char *host,
                           const struct sockaddr *address, const char **why);

#endif
