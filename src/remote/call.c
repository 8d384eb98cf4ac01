/*
 * One request: its handle, and what libcurl calls while it runs.
 *
 * A body is told by its place in the object, not by the reply that carries it:
 * got says how much of what is wanted has come, so an attempt goes on where the
 * last one ended, and a server that ignores ranges only costs time.
 *
 * A taker works in its own thread. Between it and the engine is a ring; when
 * that is full, the transfer pauses, and so does the server.
 */
#include "remote/call.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"

enum {
    SURPLUS_MAX = 1 << 20,
    BUFFER_BYTES = 256 * 1024,
    RATE_MIN = 32, /* bytes in a millisecond: slower ones end some time */
};

uint64_t call_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t call_deadline(const struct fetch_call *c)
{
    unsigned seconds = c->q.seconds ? c->q.seconds : c->options->seconds;

    return c->began + (uint64_t)seconds * 1000 + c->got / RATE_MIN;
}

/* What messages call it. */
static void set_shown(struct fetch_call *c)
{
    if (c->q.shown)
        snprintf(c->shown, sizeof c->shown, "%s", c->q.shown);
    else
        url_shown(c->q.url, c->shown, sizeof c->shown);
}

static uint64_t wanted(const struct fetch_request *q)
{
    if (q->body.bytes)
        return q->body.size;
    return q->ranged && q->length > 0 ? q->length : UINT64_MAX;
}

static int copy_url(const struct url *from, struct url *to, struct error *err)
{
    *to = *from;
    to->path = strdup(from->path);
    to->query = from->query ? strdup(from->query) : NULL;
    if (to->path && (to->query || !from->query))
        return 0;
    url_done(to);
    return error_memory(err);
}

int call_new(struct fetch *f, const struct fetch_options *o,
             const struct fetch_request *q, struct fetch_call **out,
             struct error *err)
{
    struct fetch_call *c = calloc(1, sizeof *c);
    int rc;

    if (!c)
        return error_memory(err);
    c->fetch = f;
    c->options = o;
    c->q = *q;
    if (q->body.buf)
        buf_clear(q->body.buf);
    c->want = wanted(q);
    c->reply.head = BUF_INIT(FETCH_REPLY_HEADERS);
    c->reply.problem = BUF_INIT(FETCH_PROBLEM_MAX);
    set_shown(c);
    if (pthread_mutex_init(&c->lock, NULL) != 0) {
        free(c);
        return error_memory(err);
    }
    if (pthread_cond_init(&c->wake, NULL) != 0) {
        pthread_mutex_destroy(&c->lock);
        free(c);
        return error_memory(err);
    }
    rc = url_parse(q->url, &c->first, err);
    if (!rc)
        rc = copy_url(&c->first, &c->at, err);
    if (!rc && q->body.take) {
        c->pipe = malloc(CALL_PIPE);
        if (!c->pipe)
            rc = error_memory(err);
    }
    if (rc)
        call_free(c);
    else
        *out = c;
    return rc;
}

void call_free(struct fetch_call *c)
{
    call_stop(c);
    url_done(&c->first);
    url_done(&c->at);
    fetch_reply_done(&c->reply);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    free(c->pipe);
    free(c);
}

/* Whether the policy has a say where the call is now. */
static bool is_exempt(const struct fetch_call *c)
{
    return c->q.trusted && url_same_origin(&c->first, &c->at);
}

static bool allows(struct fetch_call *c, const struct sockaddr *address)
{
    const char *why = "";

    if (is_exempt(c) ||
        policy_allows_address(c->options->policy, c->at.host, address, &why))
        return true;
    c->denied = why;
    return false;
}

/* The name was resolved; nothing has been sent yet, not even a SYN. */
static curl_socket_t on_open(void *ctx, curlsocktype purpose,
                             struct curl_sockaddr *address)
{
    struct fetch_call *c = ctx;

    (void)purpose;
    if (!allows(c, &address->addr))
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC,
                  address->protocol);
}

/* A connection, new or used before, is about to carry the request. */
static int on_request(void *ctx, char *remote, char *local, int remote_port,
                      int local_port)
{
    struct fetch_call *c = ctx;
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    const struct sockaddr *address = NULL;

    (void)local;
    (void)remote_port;
    (void)local_port;
    if (inet_pton(AF_INET, remote, &v4.sin_addr) == 1)
        address = (const struct sockaddr *)&v4;
    else if (inet_pton(AF_INET6, remote, &v6.sin6_addr) == 1)
        address = (const struct sockaddr *)&v6;
    if (address && allows(c, address))
        return CURL_PREREQFUNC_OK;
    if (!c->denied)
        c->denied = "not an Internet address";
    return CURL_PREREQFUNC_ABORT;
}

/* Lines of the last head only: 1xx and a trailer are none of it. */
static size_t on_head(char *data, size_t size, size_t n, void *ctx)
{
    struct fetch_call *c = ctx;
    size_t len = size * n;

    if (c->in_body)
        return len;
    if (len >= 5 && !memcmp(data, "HTTP/", 5))
        buf_clear(&c->reply.head);
    buf_append(&c->reply.head, data, len);
    if (!c->reply.head.failed)
        return len;
    c->failed =
        error_set(&c->error, ERR_SOURCE,
                  "%.250s: the head of the reply is too large", c->shown);
    return 0;
}

static bool pipe_put(struct fetch_call *c, const void *data, size_t len)
{
    bool fits;
    size_t at;
    size_t part;

    pthread_mutex_lock(&c->lock);
    fits = CALL_PIPE - c->pipe_len >= len;
    c->paused = !fits;
    if (fits) {
        at = (c->pipe_from + c->pipe_len) % CALL_PIPE;
        part = (size_t)num_min(len, CALL_PIPE - at);
        memcpy(c->pipe + at, data, part);
        memcpy(c->pipe, (const char *)data + part, len - part);
        c->pipe_len += len;
        pthread_cond_signal(&c->wake);
    }
    pthread_mutex_unlock(&c->lock);
    return fits;
}

/* Bytes of the object that are wanted; false to pause. */
static bool deliver(struct fetch_call *c, const void *data, size_t len)
{
    const struct fetch_body *b = &c->q.body;

    if (b->take && !pipe_put(c, data, len))
        return false;
    if (b->bytes) {
        memcpy((char *)b->bytes + c->got, data, len);
    } else if (b->buf) {
        buf_append(b->buf, data, len);
        c->failed = buf_status(b->buf, &c->error);
        if (c->failed == ERR_LIMIT) {
            error_set(&c->error, ERR_LIMIT, "%.250s is too large", c->shown);
            error_expected(&c->error, "at most %zu bytes", b->buf->max);
        }
    }
    c->got += len;
    return true;
}

/* An error's body: some of it tells more, all of it is not needed. */
static size_t take_problem(struct fetch_call *c, const char *data, size_t len)
{
    struct buf *b = &c->reply.problem;
    size_t room = b->max - b->len;

    buf_append(b, data, len < room ? len : room);
    c->surplus += len;
    c->enough = c->surplus > SURPLUS_MAX;
    return c->enough ? 0 : len;
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    struct fetch_call *c = ctx;
    size_t len = size * n;
    uint64_t skip;
    uint64_t part;

    if (!c->in_body)
        c->failed = judge_head(c, &c->error);
    if (c->failed)
        return 0;
    if (c->reply.status < 200 || c->reply.status > 299)
        return take_problem(c, data, len);
    skip = num_min(c->skip, len);
    part = num_min(len - skip, c->want - c->got);
    if (part > 0 && !deliver(c, data + skip, (size_t)part))
        return CURL_WRITEFUNC_PAUSE;
    c->skip -= skip;
    c->reply.received += len;
    c->enough = skip + part < len || (c->got == c->want && c->q.ranged);
    return c->failed || skip + part < len ? 0 : len;
}

/* The same for every request. */
static CURLcode set_fixed(CURL *e, const struct fetch_options *o)
{
    CURLcode r = CURLE_OK;

#define SET(option, value)                                                     \
    if (!r)                                                                    \
    r = curl_easy_setopt(e, option, value)
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOPROXY, "*");
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_NOPROGRESS, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
    SET(CURLOPT_CONNECTTIMEOUT, (long)o->connect_seconds);
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, (long)o->stall_seconds);
    SET(CURLOPT_USERAGENT, o->user_agent);
    if (o->ca_file)
        SET(CURLOPT_CAINFO, o->ca_file);
    return r;
}

static CURLcode set_callbacks(struct fetch_call *c)
{
    CURL *e = c->easy;
    CURLcode r = CURLE_OK;

    SET(CURLOPT_PRIVATE, c);
    SET(CURLOPT_ERRORBUFFER, c->detail);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_open);
    SET(CURLOPT_OPENSOCKETDATA, c);
    SET(CURLOPT_PREREQFUNCTION, on_request);
    SET(CURLOPT_PREREQDATA, c);
    SET(CURLOPT_HEADERFUNCTION, on_head);
    SET(CURLOPT_HEADERDATA, c);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, c);
    return r;
}

static int set_request(struct fetch_call *c, struct error *err)
{
    struct buf url = BUF_INIT(2 * URL_MAX);
    CURL *e = c->easy;
    CURLcode r = CURLE_OK;

    url_write(&c->at, &url);
    if (!buf_str(&url)) {
        buf_done(&url);
        return error_memory(err);
    }
    SET(CURLOPT_URL, buf_str(&url));
    SET(CURLOPT_NOBODY, c->q.method == FETCH_HEAD ? 1L : 0L);
    SET(CURLOPT_HTTPHEADER, c->lines);
#undef SET
    buf_done(&url);
    return r ? error_memory(err) : 0;
}

static void reset_attempt(struct fetch_call *c)
{
    c->detail[0] = '\0';
    c->denied = NULL;
    c->in_body = false;
    c->enough = false;
    c->skip = 0;
    c->surplus = 0;
    c->got_before = c->got;
    c->failed = 0;
    c->reply.status = 0;
    buf_clear(&c->reply.head);
    buf_clear(&c->reply.problem);
}

int call_start(struct fetch_call *c, struct error *err)
{
    const struct fetch_options *o = c->options;
    int rc = 0;

    if (!is_exempt(c))
        rc = policy_check_url(o->policy, &c->at, err);
    if (rc)
        return rc;
    if (c->began == 0)
        c->began = call_now();
    reset_attempt(c);
    c->easy = curl_easy_init();
    if (!c->easy || set_fixed(c->easy, o) || set_callbacks(c))
        rc = error_memory(err);
    if (!rc)
        rc = lines_make(c, err);
    if (!rc)
        rc = set_request(c, err);
    if (rc)
        call_stop(c);
    return rc;
}

void call_stop(struct fetch_call *c)
{
    if (c->easy)
        curl_easy_cleanup(c->easy);
    curl_slist_free_all(c->lines);
    c->easy = NULL;
    c->lines = NULL;
}
