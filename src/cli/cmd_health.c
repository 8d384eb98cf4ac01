/*
 * switchyard health: whether the service on this machine would take work.
 *
 * Container platforms run it as their check. It takes the settings of serve, so
 * that it asks where serve listens, and speaks just enough HTTP/1.0 for that: a
 * request for /readyz, whose answer ends with the connection.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/settings.h"
#include "service/address.h"

enum { REPLY_MAX = 1 << 16, PATIENCE_SECONDS = 5 };

static const struct cli_option options[] = { { .name = NULL } };

static const struct cli_syntax syntax = {
    .command = "health",
    .usage = "[OPTION...]",
    .about = "Asks the service that listens on this machine whether it is "
             "ready. Exits with 0 if\nit is, and with 1 if it is not, or does "
             "not answer within 5 seconds.",
    .notes = "\nOf the settings only listen matters; they are those of "
             "\"switchyard serve\", so that\nboth can have the same "
             "environment and config-file.\n",
    .options = options,
};

/* A server that listens everywhere is asked on loopback. */
static void make_reachable(struct address *a)
{
    if (a->sock.any.sa_family == AF_INET6 &&
        IN6_IS_ADDR_UNSPECIFIED(&a->sock.v6.sin6_addr))
        a->sock.v6.sin6_addr = in6addr_loopback;
    if (a->sock.any.sa_family == AF_INET &&
        a->sock.v4.sin_addr.s_addr == htonl(INADDR_ANY))
        a->sock.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

static int connect_to(const char *listen, int *out, struct error *err)
{
    static const struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
    struct address a;
    int fd;
    int rc = address_parse("listen", listen, &a, err);

    if (rc)
        return rc;
    make_reachable(&a);
    fd = socket(a.sock.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_errno(err, ERR_INTERNAL, errno, "cannot make a socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, &a.sock.any, a.len) != 0) {
        rc = error_errno(err, ERR_BUSY, errno, "nothing answers on %.100s",
                         listen);
        close(fd);
        return rc;
    }
    *out = fd;
    return 0;
}

static int ask(int fd, struct buf *reply, struct error *err)
{
    static const char request[] = "GET /readyz HTTP/1.0\r\n"
                                  "Host: localhost\r\n\r\n";
    char piece[4096];
    ssize_t n = send(fd, request, sizeof request - 1, MSG_NOSIGNAL);

    if (n == (ssize_t)sizeof request - 1)
        while ((n = recv(fd, piece, sizeof piece, 0)) > 0)
            buf_append(reply, piece, (size_t)n);
    if (n != 0)
        return error_errno(err, ERR_BUSY, n < 0 ? errno : EPIPE,
                           "the service does not answer");
    return buf_status(reply, err);
}

/* What a problem document says is wrong; NULL if it is none. */
static json_t *read_detail(const char *body, const char **detail)
{
    json_t *problem = NULL;

    if (!body ||
        json_read(body, strlen(body), "problem", ERR_BUSY, &problem, NULL))
        return NULL;
    *detail = json_string_value(json_object_get(problem, "detail"));
    return problem;
}

/* text is a whole reply: "HTTP/1.1 503 ...", headers, an empty line, a body. */
static int judge(const char *text, struct error *err)
{
    const char *body = text ? strstr(text, "\r\n\r\n") : NULL;
    const char *detail = NULL;
    json_t *problem;
    unsigned status = 0;

    if (!text || sscanf(text, "HTTP/1.%*1[01] %3u", &status) != 1)
        return error_set(err, ERR_BUSY, "what answers is no HTTP service");
    if (status == 200)
        return 0;
    problem = read_detail(body, &detail);
    error_set(err, ERR_BUSY, "not ready: %.400s",
              detail ? detail : "no reason");
    error_actual(err, "status %u", status);
    json_decref(problem);
    return ERR_BUSY;
}

static int check_health(const struct settings *s, struct error *err)
{
    struct buf reply = BUF_INIT(REPLY_MAX);
    int fd = -1;
    int rc = connect_to(s->listen, &fd, err);

    if (!rc)
        rc = ask(fd, &reply, err);
    if (!rc)
        rc = judge(buf_str(&reply), err);
    if (!rc)
        puts("ready");
    if (fd >= 0)
        close(fd);
    buf_done(&reply);
    return rc;
}

int cmd_health(int argc, char **argv)
{
    struct cli_settings s = { .json = false };
    struct error err;
    bool done = false;
    int rc = cli_settings_parse(&syntax, argc, argv, &s, &done, &err);

    if (!rc && !done)
        rc = check_health(&s.values, &err);
    settings_done(&s.values);
    return rc ? cli_fail(&err, false) : EXIT_OK;
}
