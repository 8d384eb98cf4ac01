/*
 * switchyard serve: the HTTP service, until SIGTERM or SIGINT.
 *
 * The signals are blocked before the first thread starts and waited for here,
 * so no handler ever interrupts anything. A second signal while requests are
 * being finished ends the process at once; what it leaves in the data folder,
 * the next start puts in order.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/settings.h"
#include "server.h"
#include "service/log.h"
#include "service/notify.h"

static int apply_routes(void *ctx, const struct cli_option *o,
                        const char *value, struct error *err)
{
    (void)o;
    (void)value;
    (void)err;
    ((struct cli_settings *)ctx)->routes = true;
    return 0;
}

static const struct cli_option options[] = {
    { .name = "list-routes",
      .help = "print methods and paths, and exit",
      .apply = apply_routes },
    { .name = NULL },
};

static const struct cli_syntax syntax = {
    .command = "serve",
    .usage = "[OPTION...]",
    .about = "Converts checkpoints over HTTP: POST one, as tar, tar.gz, "
             "tar.zst or zip, to\n/v1/convert. GET /openapi.yaml describes "
             "the rest.",
    .notes = "\nAn option can be given in the environment as well, as "
             "SWITCHYARD_MAX_BODY,\nand in the config-file, as \"max-body = "
             "2GB\". Options win over the environment,\nthat over the file; "
             "\"switchyard config\" shows what is in force.\n",
    .options = options,
};

static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    /* A client that left shows in the return value of a write. */
    signal(SIGPIPE, SIG_IGN);
}

/* Sends WATCHDOG=1 as often as the manager wants it. */
static void pat_watchdog(const struct timespec *now, uint64_t *last)
{
    uint64_t interval = notify_watchdog_interval();
    uint64_t us =
        (uint64_t)now->tv_sec * 1000000 + (uint64_t)now->tv_nsec / 1000;

    if (interval == 0 || us - *last < interval)
        return;
    *last = us;
    notify_send("WATCHDOG=1");
}

/* Tends the server once a second until a signal ends that; returns it. */
static int tend(struct server *server, const sigset_t *set)
{
    static const struct timespec second = { .tv_sec = 1 };
    struct timespec now;
    uint64_t last = 0;
    int number;

    for (;;) {
        number = sigtimedwait(set, NULL, &second);
        if (number == SIGHUP)
            server_reload(server);
        else if (number > 0)
            return number;
        clock_gettime(CLOCK_MONOTONIC, &now);
        pat_watchdog(&now, &last);
        server_tend(server);
    }
}

/* Variables that look like settings and are none: a typing error, perhaps. */
static void warn_of_strangers(void)
{
    struct buf names = BUF_INIT(1 << 12);
    const char *text;

    settings_strangers(environ, &names);
    text = buf_str(&names);
    if (text && *text)
        log_write(LOG_LEVEL_WARNING, NULL, "not settings, and ignored",
                  LOG_FIELDS(LOG_TEXT("variables", text)));
    buf_done(&names);
}

static int serve(const struct settings *s, struct error *err)
{
    struct server *server = NULL;
    char url[80];
    sigset_t set;
    int number;
    int rc;

    log_setup((enum log_level)s->log_level, (enum log_format)s->log_format,
              STDERR_FILENO);
    warn_of_strangers();
    block_signals(&set);
    rc = server_start(s, &server, err);
    if (rc)
        return rc;
    printf("listening on %s\n", server_url(server, url));
    fflush(stdout);
    notify_send("READY=1");
    number = tend(server, &set);
    notify_send("STOPPING=1");
    log_write(LOG_LEVEL_INFO, NULL, "stopping",
              LOG_FIELDS(LOG_TEXT("signal", strsignal(number)),
                         LOG_NUMBER("grace", s->grace_time)));
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    server_stop(server);
    return 0;
}

int cmd_serve(int argc, char **argv)
{
    struct cli_settings s = { .routes = false };
    struct error err;
    bool done = false;
    int rc = cli_settings_parse(&syntax, argc, argv, &s, &done, &err);

    if (!rc && !done && s.routes)
        server_print_routes(stdout);
    else if (!rc && !done)
        rc = serve(&s.values, &err);
    settings_done(&s.values);
    return rc ? cli_fail(&err, false) : EXIT_OK;
}
