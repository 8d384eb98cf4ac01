/*
 * switchyard serve: the HTTP service, until SIGTERM or SIGINT.
 *
 * The two signals are blocked before the first thread starts and waited for
 * here, so no handler ever interrupts anything. A second signal while requests
 * are being finished ends the process at once; what it leaves in the data
 * folder, the next start removes.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "cli/cli.h"
#include "server.h"
#include "service/log.h"

struct serve {
    struct server_options options;
    enum log_level level;
    bool list_routes;
};

/* Where an option's number goes, and its bounds. */
static const struct setting {
    const char *name;
    size_t offset; /* in struct server_options, of an unsigned */
    unsigned min, max;
} counts[] = {
    { "threads", offsetof(struct server_options, threads), 1, 1024 },
    { "max-connections", offsetof(struct server_options, max_connections), 1,
      10000 },
    { "max-per-client", offsetof(struct server_options, max_per_client), 0,
      10000 },
    { "max-conversions", offsetof(struct server_options, max_conversions), 1,
      1024 },
    { "max-queue", offsetof(struct server_options, max_queue), 0, 10000 },
    { "timeout", offsetof(struct server_options, timeout), 1, 86400 },
    { "grace", offsetof(struct server_options, grace), 0, 86400 },
};

static int apply_count(void *ctx, const struct cli_option *o, const char *value,
                       struct error *err)
{
    struct serve *s = ctx;
    const struct setting *c = counts;
    uint64_t n = 0;
    unsigned count;
    int rc;

    while (strcmp(c->name, o->name) != 0)
        c++;
    rc = num_parse_uint(o->name, value, c->min, c->max, &n, err);
    count = (unsigned)n;
    if (!rc)
        memcpy((char *)&s->options + c->offset, &count, sizeof count);
    return rc;
}

static int apply_listen(void *ctx, const struct cli_option *o,
                        const char *value, struct error *err)
{
    (void)o;
    (void)err;
    ((struct serve *)ctx)->options.listen = value;
    return 0;
}

static int apply_data(void *ctx, const struct cli_option *o, const char *value,
                      struct error *err)
{
    (void)o;
    (void)err;
    ((struct serve *)ctx)->options.data = value;
    return 0;
}

static int apply_upload(void *ctx, const struct cli_option *o,
                        const char *value, struct error *err)
{
    return num_parse_size(o->name, value,
                          &((struct serve *)ctx)->options.max_upload, err);
}

static int apply_memory(void *ctx, const struct cli_option *o,
                        const char *value, struct error *err)
{
    return num_parse_size(o->name, value,
                          &((struct serve *)ctx)->options.memory, err);
}

static int apply_entries(void *ctx, const struct cli_option *o,
                         const char *value, struct error *err)
{
    return num_parse_uint(o->name, value, 1, 100000000,
                          &((struct serve *)ctx)->options.max_entries, err);
}

static int apply_level(void *ctx, const struct cli_option *o, const char *value,
                       struct error *err)
{
    static const char *const names[] = {
        [LOG_LEVEL_ERROR] = "error",
        [LOG_LEVEL_WARNING] = "warning",
        [LOG_LEVEL_INFO] = "info",
        [LOG_LEVEL_DEBUG] = "debug",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!strcmp(value, names[i])) {
            ((struct serve *)ctx)->level = (enum log_level)i;
            return 0;
        }
    }
    error_set(err, ERR_USAGE, "%s cannot be '%.64s'", o->name, value);
    return error_expected(err, "one of error, warning, info, debug");
}

static int apply_routes(void *ctx, const struct cli_option *o,
                        const char *value, struct error *err)
{
    (void)o;
    (void)value;
    (void)err;
    ((struct serve *)ctx)->list_routes = true;
    return 0;
}

static const struct cli_option options[] = {
    { .name = "listen",
      .arg = "ADDR:PORT",
      .help = "where to listen (127.0.0.1:8080); [::1]:8080\n"
              "for IPv6, port 0 for any that is free",
      .apply = apply_listen },
    { .name = "data",
      .arg = "DIR",
      .help = "folder for what is being worked on\n(switchyard-data)",
      .apply = apply_data },
    { .name = "max-upload",
      .arg = "SIZE",
      .help = "largest body, and largest content of an\narchive (32GiB)",
      .apply = apply_upload },
    { .name = "max-entries",
      .arg = "N",
      .help = "files and folders of an upload (1000000)",
      .apply = apply_entries },
    { .name = "threads",
      .arg = "N",
      .help = "threads of a conversion (one for each CPU)",
      .apply = apply_count },
    { .name = "memory",
      .arg = "SIZE",
      .help = "budget of all conversions (512MiB)",
      .apply = apply_memory },
    { .name = "max-conversions",
      .arg = "N",
      .help = "conversions that run at a time (2)",
      .apply = apply_count },
    { .name = "max-queue",
      .arg = "N",
      .help = "conversions that wait for that (16)",
      .apply = apply_count },
    { .name = "max-connections",
      .arg = "N",
      .help = "open connections (64)",
      .apply = apply_count },
    { .name = "max-per-client",
      .arg = "N",
      .help = "of these from one address (0: no limit)",
      .apply = apply_count },
    { .name = "timeout",
      .arg = "SECONDS",
      .help = "end a connection that is silent (60)",
      .apply = apply_count },
    { .name = "grace",
      .arg = "SECONDS",
      .help = "to finish requests when stopped (25)",
      .apply = apply_count },
    { .name = "log-level",
      .arg = "LEVEL",
      .help = "error, warning, info or debug (info)",
      .apply = apply_level },
    { .name = "list-routes",
      .help = "print methods and paths, and exit",
      .apply = apply_routes },
    { .name = NULL },
};

static const struct cli_syntax syntax = {
    .command = "serve",
    .usage = "[options]",
    .about = "Converts checkpoints over HTTP: POST one, as tar, tar.gz, "
             "tar.zst or zip, to\n/v1/convert. GET /openapi.yaml describes "
             "the rest.",
    .notes = "",
    .options = options,
};

static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    /* A client that left shows in the return value of a write. */
    signal(SIGPIPE, SIG_IGN);
}

static int serve(const struct serve *s, struct error *err)
{
    struct server *server = NULL;
    char url[80];
    sigset_t set;
    int number = 0;
    int rc;

    log_setup(s->level, LOG_FORMAT_TEXT, STDERR_FILENO);
    block_signals(&set);
    rc = server_start(&s->options, &server, err);
    if (rc)
        return rc;
    printf("listening on %s\n", server_url(server, url));
    fflush(stdout);
    sigwait(&set, &number);
    log_write(LOG_LEVEL_INFO, NULL, "stopping",
              LOG_FIELDS(LOG_TEXT("signal", strsignal(number)),
                         LOG_NUMBER("grace", s->options.grace)));
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    server_stop(server);
    return 0;
}

int cmd_serve(int argc, char **argv)
{
    struct serve s = { .level = LOG_LEVEL_INFO };
    struct error err;
    bool done = false;
    int rc;

    server_defaults(&s.options);
    rc = cli_parse(&syntax, argc, argv, &s, &done, &err);
    if (!rc && !done && s.list_routes)
        server_print_routes(stdout);
    else if (!rc && !done)
        rc = serve(&s, &err);
    return rc ? cli_fail(&err, false) : EXIT_OK;
}
