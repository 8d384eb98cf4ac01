/*
 * The floor under an upload: the same daemon, throwing the bytes away.
 *
 * A libmicrohttpd daemon, set up as the service's is, that writes the body of
 * each PUT into the file OUT as it comes and answers 204; with --sync after it
 * has synced the file. Nothing is checked, kept, or known of it. Prints the
 * port that it listens on, and ends with its standard input.
 *
 * usage: bench_upload [--sync] OUT
 */
#include <fcntl.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONNECTION_MEMORY = 64 << 10 };

static const char *out;
static bool sync_it;

/* One request: the file that its body goes to. */
struct body {
    int fd;
};

__attribute__((noreturn)) static void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static void write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0)
            die("bench_upload: cannot write");
        data += n;
        len -= (size_t)n;
    }
}

static enum MHD_Result reply(struct MHD_Connection *c)
{
    struct MHD_Response *r =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result;

    if (!r)
        return MHD_NO;
    result = MHD_queue_response(c, MHD_HTTP_NO_CONTENT, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result take(void *cls, struct MHD_Connection *c,
                            const char *url, const char *method,
                            const char *version, const char *data, size_t *len,
                            void **ctx)
{
    struct body *b = *ctx;

    (void)cls;
    (void)url;
    (void)method;
    (void)version;
    if (!b) {
        b = malloc(sizeof *b);
        if (!b)
            return MHD_NO;
        b->fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (b->fd < 0)
            die("bench_upload: cannot open the file");
        *ctx = b;
        return MHD_YES;
    }
    if (*len > 0) {
        write_all(b->fd, data, *len);
        *len = 0;
        return MHD_YES;
    }
    if (sync_it && fdatasync(b->fd) != 0)
        die("bench_upload: cannot sync");
    return reply(c);
}

static void end(void *cls, struct MHD_Connection *c, void **ctx,
                enum MHD_RequestTerminationCode how)
{
    struct body *b = *ctx;

    (void)cls;
    (void)c;
    (void)how;
    if (b)
        close(b->fd);
    free(b);
}

int main(int argc, char **argv)
{
    const union MHD_DaemonInfo *info;
    struct MHD_Daemon *daemon;

    sync_it = argc == 3 && !strcmp(argv[1], "--sync");
    if (argc != 2 && !sync_it) {
        fprintf(stderr, "usage: bench_upload [--sync] OUT\n");
        return 2;
    }
    out = argv[argc - 1];
    daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
            MHD_USE_POLL | MHD_USE_ERROR_LOG,
        0, NULL, NULL, take, NULL, MHD_OPTION_NOTIFY_COMPLETED, end, NULL,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_END);
    if (!daemon)
        die("bench_upload: cannot listen");
    info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    printf("%u\n", info ? info->port : 0U);
    fflush(stdout);
    while (getchar() != EOF)
        continue;
    MHD_stop_daemon(daemon);
    return 0;
}
