/*
 * Fetch: HTTP requests to other machines' servers.
 *
 * One engine has one thread, which drives all transfers (libcurl's multi
 * interface): connections are kept and shared, HTTP/2 is used where it is
 * offered, and any number of threads ask at the same time. What a stranger
 * made us ask for passes the engine's policy, at every redirect and connect.
 *
 * A request is repeated by itself where that may help (408, 429, 5xx, broken
 * connections, bodies that end early), after a pause that grows, and goes on at
 * the byte where it broke off. It fails when its time is up, which each second
 * of 32 KiB prolongs: a dead server ends it, a large body does not. Proxies,
 * .netrc and cookies are never used.
 */
#ifndef SWITCHYARD_REMOTE_FETCH_H
#define SWITCHYARD_REMOTE_FETCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "remote/policy.h"
#include "remote/sigv4.h"

enum {
    FETCH_HEADERS_MAX = 16, /* that a request adds */
    FETCH_REDIRECTS = 5,
    FETCH_REPLY_HEADERS = 65536, /* bytes; more is an error */
    FETCH_PROBLEM_MAX = 16384,   /* bytes kept of an error's body */
};

struct fetch;

/* 0 and NULL stand for the default in brackets. */
struct fetch_options {
    const struct policy *policy; /* borrowed; outlives the engine */
    const char *ca_file;         /* PEM, instead of the system's */
    const char *user_agent;      /* [switchyard/VERSION] */
    unsigned connections;        /* at a time in all [64] */
    unsigned host_connections;   /* at a time to one host [16] */
    unsigned connect_seconds;    /* for one connect with TLS [10] */
    unsigned stall_seconds;      /* without a byte: try again [20] */
    unsigned seconds;            /* time of a request that says none [120] */
    unsigned attempts;           /* at most, without progress [8] */
    unsigned pause;              /* milliseconds before the second [200] */
};

int fetch_new(const struct fetch_options *o, struct fetch **out,
              struct error *err);

/* Ends all requests with ERR_CANCELLED. NULL is fine. */
void fetch_free(struct fetch *f);

enum fetch_method { FETCH_GET, FETCH_HEAD };

/* Where a body goes; all members NULL: nowhere, it is not read. */
struct fetch_body {
    /*
     * Exactly size bytes: a body that is shorter or longer is an error. With a
     * range, the range's bytes.
     */
    void *bytes;
    size_t size;

    /* All of it into a buffer, cleared first; beyond buf->max is ERR_LIMIT. */
    struct buf *buf;

    /*
     * All of it, piece by piece, called by the thread that waits in
     * fetch_do(); the server is slowed down to its speed. Non-zero ends the
     * request with that code and error. Only for fetch_do().
     */
    int (*take)(void *ctx, const void *data, size_t len, struct error *err);
    void *ctx;
};

/* All that is pointed to must stay until the request is done. */
struct fetch_request {
    enum fetch_method method;
    const char *url;   /* http or https, encoded as it goes out */
    const char *shown; /* in messages; NULL: the URL without its query */
    const char *headers[FETCH_HEADERS_MAX + 1]; /* "Name: value", then NULL */
    /*
     * A token, or NULL. It goes to the URL's origin only, as the headers do,
     * and unencrypted only to this machine.
     */
    const char *bearer;
    /*
     * Keys to sign each attempt with, or NULL. Signatures, too, go to the URL's
     * origin only; redirects are not followed, since they would not fit.
     */
    const struct sigv4_keys *sign;

    bool ranged; /* only length bytes from offset */
    uint64_t offset;
    uint64_t length; /* 0: up to the end */

    /*
     * The ETag that the object must have: sent as If-Match, and compared with
     * the reply's. NULL: any. ERR_SOURCE_CHANGED if it has another.
     */
    const char *if_match;

    /*
     * The URL's origin was named by whoever runs this program, in a setting:
     * the policy is for redirects only.
     */
    bool trusted;

    bool stay;                 /* a redirect is a reply like any other */
    const atomic_bool *cancel; /* looked at now and then; NULL: never */
    unsigned seconds;          /* its time; 0: the engine's */
    struct fetch_body body;
};

/* Members are valid where status is not 0, also beside an error. */
struct fetch_reply {
    int status; /* of the last reply; 0 if none came */
    bool has_size;
    uint64_t size;     /* of the whole object, also beside a range */
    unsigned attempts; /* requests that were sent for it, without redirects */
    unsigned redirects;
    uint64_t received;  /* bytes of bodies, those of failed attempts too */
    struct buf head;    /* its header lines */
    struct buf problem; /* the beginning of an error's body */
};

/*
 * A header's value, blanks around it removed, into out; false, and "", if it is
 * not there, is there twice with two values, or does not fit.
 */
bool fetch_header(const struct fetch_reply *r, const char *name, char *out,
                  size_t size);
void fetch_reply_done(struct fetch_reply *r);

/*
 * Asks and waits. reply is filled, also on failure, and the caller's to
 * release; it may be NULL. 0 only for a status of 200 to 299, or of 300 to 399
 * with stay. Errors:
 *   ERR_URL, ERR_URL_DENIED   the URL, or one redirected to
 *   ERR_NOT_FOUND             404, 410: there is no such object
 *   ERR_SOURCE_DENIED         401, 403, 407, 451
 *   ERR_SOURCE_CHANGED        412, or another ETag than if_match
 *   ERR_SOURCE                everything else that a server or network does
 *   ERR_SOURCE_TIMEOUT        the time is up
 *   ERR_CANCELLED, ERR_LIMIT, ERR_MEMORY
 */
int fetch_do(struct fetch *f, const struct fetch_request *q,
             struct fetch_reply *reply, struct error *err);

/*
 * The same without waiting: each call that was begun is ended once. q is
 * copied, what it points to is not. done (may be NULL) is called by the
 * engine's thread just before fetch_end() can return; it must neither block nor
 * call this engine.
 */
struct fetch_call;
int fetch_begin(struct fetch *f, const struct fetch_request *q,
                void (*done)(void *ctx), void *ctx, struct fetch_call **out,
                struct error *err);

/* Waits for it, and frees it. */
int fetch_end(struct fetch_call *c, struct fetch_reply *reply,
              struct error *err);

/* Tells it to be done soon; fetch_end() is still to be called. */
void fetch_cancel(struct fetch_call *c);

/* Bytes of bodies that came in, and requests sent, since fetch_new(). */
void fetch_statistics(struct fetch *f, uint64_t *bytes, uint64_t *requests);

#endif
