/*
 * The engine's thread: the requests that wait, and those that run.
 *
 * Limits on what runs are kept here and not by libcurl, whose own queue would
 * let time run for requests that have not begun.
 *
 * The engine never waits for anybody: what a taker has not taken stays with the
 * server.
 */
#include "remote/engine.h"

#include <string.h>

#include "base/num.h"

enum {
    LOOK_MS = 100, /* between looks at cancel flags */
    IDLE_MS = 10000,
};

void calls_init(struct calls *l)
{
    l->first = NULL;
    l->last = &l->first;
}

void calls_append(struct calls *l, struct fetch_call *c)
{
    c->next = NULL;
    *l->last = c;
    l->last = &c->next;
}

static void calls_move(struct calls *to, struct calls *from)
{
    if (!from->first)
        return;
    *to->last = from->first;
    to->last = from->last;
    calls_init(from);
}

static void calls_remove(struct calls *l, struct fetch_call *c)
{
    struct fetch_call **p = &l->first;

    while (*p != c)
        p = &(*p)->next;
    *p = c->next;
    if (l->last == &c->next)
        l->last = p;
}

static uint32_t next_random(struct fetch *f)
{
    f->random ^= f->random << 13;
    f->random ^= f->random >> 17;
    f->random ^= f->random << 5;
    return f->random;
}

/* Hands the outcome over; c may be gone when this returns. */
static void finish(struct fetch *f, struct fetch_call *c)
{
    call_stop(c);
    atomic_fetch_add(&f->bytes, c->reply.received);
    if (c->on_done)
        c->on_done(c->ctx);
    pthread_mutex_lock(&c->lock);
    c->done = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
}

static void finish_cancelled(struct fetch *f, struct fetch_call *c)
{
    c->rc = error_set(&c->error, ERR_CANCELLED, "the request was cancelled");
    finish(f, c);
}

static bool is_cancelled(const struct fetch_call *c)
{
    return atomic_load(&c->cancelled) ||
           (c->q.cancel && atomic_load(c->q.cancel));
}

static void stop_running(struct fetch *f, struct fetch_call *c)
{
    curl_multi_remove_handle(f->multi, c->easy);
    calls_remove(&f->running, c);
    f->running_count--;
}

static bool has_room(const struct fetch *f, const struct fetch_call *c)
{
    unsigned same = 0;

    if (f->running_count >= f->options.connections)
        return false;
    for (const struct fetch_call *r = f->running.first; r; r = r->next)
        same += !strcmp(r->at.host, c->at.host);
    return same < f->options.host_connections;
}

static void start(struct fetch *f, struct fetch_call *c)
{
    c->rc = call_start(c, &c->error);
    if (c->rc) {
        finish(f, c);
        return;
    }
    if (c->reply.redirects == 0)
        c->reply.attempts++;
    atomic_fetch_add(&f->requests, 1);
    if (curl_multi_add_handle(f->multi, c->easy) != CURLM_OK) {
        c->rc = error_memory(&c->error);
        finish(f, c);
        return;
    }
    calls_append(&f->running, c);
    f->running_count++;
}

/* Starts what may start; returns the milliseconds until more may. */
static int start_waiting(struct fetch *f)
{
    uint64_t now = call_now();
    uint64_t next = now + IDLE_MS;
    struct calls all = f->waiting;
    struct fetch_call *following;

    calls_init(&f->waiting);
    for (struct fetch_call *c = all.first; c; c = following) {
        following = c->next;
        if (is_cancelled(c)) {
            finish_cancelled(f, c);
        } else if (c->start_at > now || !has_room(f, c)) {
            if (c->start_at > now)
                next = num_min(next, c->start_at);
            calls_append(&f->waiting, c);
        } else {
            start(f, c);
        }
    }
    return (int)(next - now);
}

/* Cancelled ones end, emptied rings go on; true while any is to be watched. */
static bool look_at_running(struct fetch *f)
{
    struct fetch_call *following;
    bool watch = false;

    for (struct fetch_call *c = f->running.first; c; c = following) {
        bool resume = false;

        following = c->next;
        if (is_cancelled(c)) {
            stop_running(f, c);
            finish_cancelled(f, c);
            continue;
        }
        watch = watch || c->q.cancel;
        if (c->pipe) {
            pthread_mutex_lock(&c->lock);
            resume = c->paused && c->pipe_len < CALL_PIPE / 2;
            if (resume)
                c->paused = false;
            pthread_mutex_unlock(&c->lock);
        }
        if (resume)
            curl_easy_pause(c->easy, CURLPAUSE_CONT);
    }
    for (const struct fetch_call *c = f->waiting.first; c; c = c->next)
        watch = watch || c->q.cancel;
    return watch;
}

/* An attempt ended: the call does too, or waits for its next one. */
static void judge(struct fetch *f, struct fetch_call *c, CURLcode result)
{
    stop_running(f, c);
    if (judge_attempt(c, result, next_random(f)) == VERDICT_DONE) {
        finish(f, c);
    } else {
        call_stop(c);
        calls_append(&f->waiting, c);
    }
}

/* Whether any ended: then there is room for others. */
static bool collect(struct fetch *f)
{
    uint64_t now = call_now();
    struct fetch_call *c;
    CURLMsg *message;
    bool any = false;
    int left = 0;

    for (;; any = true) {
        message = curl_multi_info_read(f->multi, &left);
        if (!message)
            break;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (void *)&c);
        judge(f, c, message->data.result);
    }
    for (struct fetch_call *next = f->running.first; next;) {
        c = next;
        next = c->next;
        if (now < call_deadline(c))
            continue;
        judge(f, c, CURLE_OPERATION_TIMEDOUT);
        any = true;
    }
    return any;
}

/* Takes the inbox; false when the engine is to end. */
static bool take_inbox(struct fetch *f)
{
    bool on;

    pthread_mutex_lock(&f->lock);
    calls_move(&f->waiting, &f->inbox);
    on = !f->stop;
    pthread_mutex_unlock(&f->lock);
    return on;
}

static void end_all(struct fetch *f)
{
    struct fetch_call *c;

    while ((c = f->running.first) != NULL) {
        stop_running(f, c);
        finish_cancelled(f, c);
    }
    while ((c = f->waiting.first) != NULL) {
        calls_remove(&f->waiting, c);
        finish_cancelled(f, c);
    }
}

void *engine_drive(void *arg)
{
    struct fetch *f = arg;
    int running = 0;
    int wait;

    while (take_inbox(f)) {
        wait = start_waiting(f);
        if (look_at_running(f) && wait > LOOK_MS)
            wait = LOOK_MS;
        curl_multi_perform(f->multi, &running);
        if (!collect(f))
            curl_multi_poll(f->multi, NULL, 0, wait, NULL);
    }
    end_all(f);
    return NULL;
}
