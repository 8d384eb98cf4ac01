/*
 * The engine's front: what other threads call.
 *
 * They put requests into the inbox and wake the engine's thread (engine.c),
 * which does all the work; then they wait for it, each at its own request.
 */
#include "remote/fetch.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/num.h"
#include "remote/engine.h"
#include "remote/head.h"

enum {
    CONNECTIONS = 64,
    HOST_CONNECTIONS = 16,
    CONNECT_SECONDS = 10,
    STALL_SECONDS = 20,
    SECONDS = 120,
    ATTEMPTS = 8,
    PAUSE = 200,
};

static void init_once(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static unsigned or_default(unsigned value, unsigned fallback)
{
    return value ? value : fallback;
}

static int set_options(struct fetch *f, const struct fetch_options *o,
                       struct error *err)
{
    struct fetch_options *to = &f->options;

    *to = *o;
    to->connections = or_default(o->connections, CONNECTIONS);
    to->host_connections = or_default(o->host_connections, HOST_CONNECTIONS);
    to->connect_seconds = or_default(o->connect_seconds, CONNECT_SECONDS);
    to->stall_seconds = or_default(o->stall_seconds, STALL_SECONDS);
    to->seconds = or_default(o->seconds, SECONDS);
    to->attempts = or_default(o->attempts, ATTEMPTS);
    to->pause = or_default(o->pause, PAUSE);
    f->texts[0] =
        strdup(o->user_agent ? o->user_agent : "switchyard/" PACKAGE_VERSION);
    f->texts[1] = o->ca_file && *o->ca_file ? strdup(o->ca_file) : NULL;
    to->user_agent = f->texts[0];
    to->ca_file = f->texts[1];
    if (!f->texts[0] || (!f->texts[1] && o->ca_file && *o->ca_file))
        return error_memory(err);
    return 0;
}

/* Signals are for the program's other threads. */
static int start_thread(struct fetch *f, struct error *err)
{
    sigset_t all;
    sigset_t before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&f->thread, NULL, engine_drive, f);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc ? error_errno(err, ERR_MEMORY, rc, "cannot start a thread") : 0;
}

static void release(struct fetch *f)
{
    if (f->multi)
        curl_multi_cleanup(f->multi);
    pthread_mutex_destroy(&f->lock);
    free(f->texts[0]);
    free(f->texts[1]);
    free(f);
}

int fetch_new(const struct fetch_options *o, struct fetch **out,
              struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct fetch *f = calloc(1, sizeof *f);
    int rc;

    pthread_once(&once, init_once);
    if (!f)
        return error_memory(err);
    if (pthread_mutex_init(&f->lock, NULL) != 0) {
        free(f);
        return error_memory(err);
    }
    calls_init(&f->waiting);
    calls_init(&f->running);
    calls_init(&f->inbox);
    if (getrandom(&f->random, sizeof f->random, GRND_NONBLOCK) < 0)
        f->random = (uint32_t)call_now();
    f->random |= 1;
    f->multi = curl_multi_init();
    rc = f->multi ? set_options(f, o, err) : error_memory(err);
    if (!rc)
        rc = start_thread(f, err);
    if (rc)
        release(f);
    else
        *out = f;
    return rc;
}

void fetch_free(struct fetch *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_mutex_unlock(&f->lock);
    curl_multi_wakeup(f->multi);
    pthread_join(f->thread, NULL);
    release(f);
}

int fetch_begin(struct fetch *f, const struct fetch_request *q,
                void (*done)(void *ctx), void *ctx, struct fetch_call **out,
                struct error *err)
{
    struct fetch_call *c = NULL;
    int rc = call_new(f, &f->options, q, &c, err);

    if (rc)
        return rc;
    c->on_done = done;
    c->ctx = ctx;
    *out = c;
    pthread_mutex_lock(&f->lock);
    calls_append(&f->inbox, c);
    pthread_mutex_unlock(&f->lock);
    curl_multi_wakeup(f->multi);
    return 0;
}

void fetch_cancel(struct fetch_call *c)
{
    atomic_store(&c->cancelled, true);
    curl_multi_wakeup(c->fetch->multi);
}

/* Passes on what came; an error of the taker's ends the request. */
static int take_pieces(struct fetch_call *c, struct error *err)
{
    int rc = 0;

    pthread_mutex_lock(&c->lock);
    while (!rc && (c->pipe_len > 0 || !c->done)) {
        size_t len = (size_t)num_min(c->pipe_len, CALL_PIPE - c->pipe_from);
        bool resume;

        if (len == 0) {
            pthread_cond_wait(&c->wake, &c->lock);
            continue;
        }
        pthread_mutex_unlock(&c->lock);
        rc = c->q.body.take(c->q.body.ctx, c->pipe + c->pipe_from, len, err);
        pthread_mutex_lock(&c->lock);
        c->pipe_from = (c->pipe_from + len) % CALL_PIPE;
        c->pipe_len -= len;
        resume = c->paused && c->pipe_len < CALL_PIPE / 2;
        if (resume) {
            pthread_mutex_unlock(&c->lock);
            curl_multi_wakeup(c->fetch->multi);
            pthread_mutex_lock(&c->lock);
        }
    }
    pthread_mutex_unlock(&c->lock);
    return rc;
}

int fetch_end(struct fetch_call *c, struct fetch_reply *reply,
              struct error *err)
{
    struct error taker;
    int taken = 0;
    int rc;

    if (c->q.body.take) {
        taken = take_pieces(c, &taker);
        if (taken)
            fetch_cancel(c);
    }
    pthread_mutex_lock(&c->lock);
    while (!c->done)
        pthread_cond_wait(&c->wake, &c->lock);
    pthread_mutex_unlock(&c->lock);
    rc = taken ? taken : c->rc;
    if (rc && err)
        *err = taken ? taker : c->error;
    if (reply) {
        *reply = c->reply;
        c->reply = (struct fetch_reply){ .status = 0 };
    }
    call_free(c);
    return rc;
}

int fetch_do(struct fetch *f, const struct fetch_request *q,
             struct fetch_reply *reply, struct error *err)
{
    struct fetch_call *c = NULL;
    int rc;

    if (reply)
        *reply = (struct fetch_reply){ .status = 0 };
    rc = fetch_begin(f, q, NULL, NULL, &c, err);
    return rc ? rc : fetch_end(c, reply, err);
}

bool fetch_header(const struct fetch_reply *r, const char *name, char *out,
                  size_t size)
{
    return head_find(r->head.data, r->head.len, name, out, size);
}

void fetch_reply_done(struct fetch_reply *r)
{
    buf_done(&r->head);
    buf_done(&r->problem);
}

void fetch_statistics(struct fetch *f, uint64_t *bytes, uint64_t *requests)
{
    *bytes = atomic_load(&f->bytes);
    *requests = atomic_load(&f->requests);
}
