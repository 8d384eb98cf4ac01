/*
 * What the tests of the engine share: an engine, servers, and the object that
 * these serve.
 */
#ifndef SWITCHYARD_TESTS_FETCH_FIXTURE_H
#define SWITCHYARD_TESTS_FETCH_FIXTURE_H

#include <time.h>

#include "http_fixture.h"
#include "remote/fetch.h"

static struct policy *open_policy;
static struct fetch *engine;
static struct http_server server;
static char url[512];
static struct error err;

static inline void setup(void)
{
    const struct policy_options p = { .open = true };
    struct fetch_options o = { .seconds = 20, .stall_seconds = 5, .pause = 20 };

    ck_ok(policy_new(&p, &open_policy, &err), &err);
    o.policy = open_policy;
    ck_ok(fetch_new(&o, &engine, &err), &err);
}

static inline void teardown(void)
{
    fetch_free(engine);
    policy_free(open_policy);
}

static inline double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A GET into b; what is left out of the reply is not of interest. */
static inline int get(const char *path, struct buf *b)
{
    struct fetch_request q = { .url = http_url(&server, path, url),
                               .body.buf = b };

    return fetch_do(engine, &q, NULL, &err);
}

/* The object that most tests fetch: 100,000 bytes that all differ a little. */
enum { OBJECT = 100000 };

static inline unsigned char object_byte(size_t i)
{
    return (unsigned char)(i * 7 + i / 251);
}

static inline bool is_object(const void *data, size_t from, size_t len)
{
    const unsigned char *p = data;

    for (size_t i = 0; i < len; i++)
        if (p[i] != object_byte(from + i))
            return false;
    return true;
}

static inline void send_object(int fd, size_t from, size_t len)
{
    unsigned char bytes[4096];

    while (len > 0) {
        size_t part = len < sizeof bytes ? len : sizeof bytes;

        for (size_t i = 0; i < part; i++)
            bytes[i] = object_byte(from + i);
        http_send(fd, bytes, part);
        from += part;
        len -= part;
    }
}

/* The range that a request asks for; the whole object if it asks for none. */
static inline bool asked_range(const char *head, size_t *from, size_t *to)
{
    const char *p = strstr(head, "Range: bytes=");
    char *end;

    *from = 0;
    *to = OBJECT;
    if (!p)
        return false;
    *from = strtoul(p + 13, &end, 10);
    if (end[1] >= '0' && end[1] <= '9')
        *to = strtoul(end + 1, NULL, 10) + 1;
    if (*to > OBJECT)
        *to = OBJECT;
    return true;
}

/* As a good server does; at most `most` bytes, then the end. */
static inline bool serve_object(const char *head, int fd, const char *etag,
                                size_t most)
{
    size_t from, to;
    bool part = asked_range(head, &from, &to);
    char more[256];

    snprintf(more, sizeof more, "ETag: %s\r\n", etag);
    if (part)
        snprintf(more, sizeof more,
                 "ETag: %s\r\nContent-Range: bytes %zu-%zu/%d\r\n", etag, from,
                 to - 1, OBJECT);
    http_head(fd, part ? "206 Partial Content" : "200 OK", to - from, more);
    send_object(fd, from, to - from < most ? to - from : most);
    return most >= to - from;
}

static inline bool answer_object(struct http_server *s, unsigned n,
                                 const char *head, int fd)
{
    (void)s;
    (void)n;
    return serve_object(head, fd, "\"v1\"", OBJECT);
}

#endif
