/*
 * A web server of a few lines, whose answers a test decides byte by byte.
 */
#ifndef SWITCHYARD_TESTS_HTTP_FIXTURE_H
#define SWITCHYARD_TESTS_HTTP_FIXTURE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

enum { HTTP_HEAD_MAX = 8192, HTTP_CONNECTIONS = 256, HTTP_LOG_MAX = 64 };

struct http_server;

/*
 * Answers request number n (0, 1, ...), whose head is given, on fd. False to
 * close the connection afterwards.
 */
typedef bool (*http_answer)(struct http_server *s, unsigned n, const char *head,
                            int fd);

struct http_server {
    http_answer answer;
    void *ctx;
    const char *address;
    int listener;
    unsigned port;
    atomic_uint accepted;
    atomic_uint requests;
    atomic_bool stop;
    pthread_t thread;
    pthread_t connections[HTTP_CONNECTIONS];
    int fds[HTTP_CONNECTIONS];
    char log[HTTP_LOG_MAX][HTTP_HEAD_MAX]; /* heads, by number */
};

struct http_connection {
    struct http_server *server;
    int fd;
};

/* All of it, or as much as the other side takes. */
static inline void http_send(int fd, const void *data, size_t len)
{
    const char *p = data;
    ssize_t n = 1;

    while (len > 0 && n > 0) {
        n = send(fd, p, len, MSG_NOSIGNAL);
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
}

__attribute__((format(printf, 2, 3))) static inline void
http_say(int fd, const char *fmt, ...)
{
    char text[HTTP_HEAD_MAX];
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    http_send(fd, text, (size_t)n);
}

/* The status line and headers of a reply of len bytes. */
static inline void http_head(int fd, const char *status, size_t len,
                             const char *more)
{
    http_say(fd, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n", status, len,
             more);
}

static inline void http_reply(int fd, const char *status, const char *more,
                              const char *body)
{
    http_head(fd, status, strlen(body), more);
    http_send(fd, body, strlen(body));
}

static inline bool http_read_head(int fd, char head[static HTTP_HEAD_MAX])
{
    size_t len = 0;

    while (len + 1 < HTTP_HEAD_MAX) {
        ssize_t n = recv(fd, head + len, 1, 0);

        if (n <= 0)
            return false;
        len++;
        head[len] = '\0';
        if (len >= 4 && !strcmp(head + len - 4, "\r\n\r\n"))
            return true;
    }
    return false;
}

static inline void *http_serve(void *arg)
{
    struct http_connection c = *(struct http_connection *)arg;
    char head[HTTP_HEAD_MAX];
    bool on = true;

    free(arg);
    while (on && http_read_head(c.fd, head)) {
        unsigned n = atomic_fetch_add(&c.server->requests, 1);

        if (n < HTTP_LOG_MAX)
            memcpy(c.server->log[n], head, sizeof head);
        on = c.server->answer(c.server, n, head, c.fd);
    }
    shutdown(c.fd, SHUT_RDWR);
    return NULL;
}

static inline void *http_accept(void *arg)
{
    struct http_server *s = arg;

    while (!atomic_load(&s->stop)) {
        struct pollfd p = { .fd = s->listener, .events = POLLIN };
        struct http_connection *c;
        unsigned n;

        if (poll(&p, 1, 20) <= 0)
            continue;
        n = atomic_load(&s->accepted);
        if (n == HTTP_CONNECTIONS)
            break;
        c = malloc(sizeof *c);
        *c = (struct http_connection){ s, accept(s->listener, NULL, NULL) };
        s->fds[n] = c->fd;
        pthread_create(&s->connections[n], NULL, http_serve, c);
        atomic_store(&s->accepted, n + 1);
    }
    return NULL;
}

static inline void http_start(struct http_server *s, const char *address,
                              http_answer answer, void *ctx)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t len = sizeof at;

    memset(s, 0, sizeof *s);
    s->answer = answer;
    s->ctx = ctx;
    s->address = address;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, address, &at.sin_addr);
    ck_assert_int_eq(bind(s->listener, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(s->listener, 64), 0);
    getsockname(s->listener, (struct sockaddr *)&at, &len);
    s->port = ntohs(at.sin_port);
    pthread_create(&s->thread, NULL, http_accept, s);
}

static inline void http_stop(struct http_server *s)
{
    atomic_store(&s->stop, true);
    pthread_join(s->thread, NULL);
    for (unsigned i = 0; i < atomic_load(&s->accepted); i++) {
        shutdown(s->fds[i], SHUT_RDWR);
        pthread_join(s->connections[i], NULL);
        close(s->fds[i]);
    }
    close(s->listener);
}

/* "http://ADDRESS:PORT" and path, into a buffer of the caller's. */
static inline const char *http_url(const struct http_server *s,
                                   const char *path, char out[static 512])
{
    snprintf(out, 512, "http://%s:%u%.400s", s->address, s->port, path);
    return out;
}

#endif
