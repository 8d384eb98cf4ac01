/*
 * The watch: a list of connections, and a thread that looks at it a few times a
 * second. Sockets are never closed here, only shut down, which makes the
 * connection's own thread see its end.
 *
 * How fast a reply is taken, the kernel knows: it counts the bytes that the
 * client has acknowledged, whoever sent them. A reply that waits for something
 * to tell has nothing in the kernel's queue, and all the time it wants.
 */
#include "watch.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

enum { LOOK_MS = 200, LAST_WORDS_SECONDS = 10 };

enum phase { IN_HEAD, IN_BODY, IN_WORK, IN_REPLY };

struct watched {
    struct watched *prev, *next;
    int socket;
    enum phase phase;
    time_t since;        /* when the phase began */
    time_t deadline;     /* of the request; 0: in IN_HEAD */
    bool late;           /* the work was cancelled for that */
    uint64_t bytes;      /* of the body, in IN_BODY */
    atomic_bool *cancel; /* in IN_WORK; may be NULL */
    time_t counted;      /* when acked was counted; 0: not yet */
    uint64_t acked;      /* bytes that the client has taken, in IN_REPLY */
};

struct watch {
    struct watch_limits limits;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t moved; /* stop was set */
    struct watched *first;
    bool stop;
    bool cancelled;
};

static time_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static bool has_left(int socket)
{
    struct pollfd p = { .fd = socket, .events = POLLRDHUP };

    return poll(&p, 1, 0) > 0 &&
           (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* What the client has taken so far, and whether more waits to be taken. */
static bool count_acked(int socket, uint64_t *acked, bool *waits)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    int queued = 0;

    memset(&info, 0, sizeof info);
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
        ioctl(socket, SIOCOUTQ, &queued) != 0)
        return false;
    *acked = info.tcpi_bytes_acked;
    *waits = queued > 0;
    return true;
}

/* Counts anew after each stretch of rate_seconds, and when nothing waits. */
static bool is_slow_reader(const struct watch *w, struct watched *c)
{
    time_t age = now() - c->counted;
    bool waits = false;
    bool slow = false;
    uint64_t acked = 0;

    if (c->counted && age == 0)
        return false; /* once a second is enough */
    if (!count_acked(c->socket, &acked, &waits))
        return false;
    if (c->counted && waits) {
        if (age <= (time_t)w->limits.rate_seconds)
            return false;
        slow = (acked - c->acked) / (uint64_t)age < w->limits.rate;
    }
    c->counted = now();
    c->acked = acked;
    return slow;
}

static bool is_too_slow(const struct watch *w, struct watched *c)
{
    time_t age = now() - c->since;

    if (c->phase == IN_HEAD)
        return age > (time_t)w->limits.head_seconds;
    if (c->phase == IN_REPLY)
        return is_slow_reader(w, c);
    return c->phase == IN_BODY && age > (time_t)w->limits.rate_seconds &&
           c->bytes / (uint64_t)age < w->limits.rate;
}

/* Work that can be cancelled gets a little time to say so. */
static void end_late(struct watched *c)
{
    if (c->phase != IN_WORK || !c->cancel) {
        shutdown(c->socket, SHUT_RDWR);
        return;
    }
    *c->cancel = true;
    c->late = true;
    c->deadline = now() + LAST_WORDS_SECONDS;
}

static void look_at(struct watch *w, struct watched *c)
{
    if (is_too_slow(w, c))
        shutdown(c->socket, SHUT_RDWR);
    if (c->deadline && now() > c->deadline)
        end_late(c);
    if (c->cancel && (w->cancelled || has_left(c->socket)))
        *c->cancel = true;
}

static void *run(void *ctx)
{
    struct watch *w = ctx;
    struct timespec until;

    pthread_mutex_lock(&w->lock);
    while (!w->stop) {
        for (struct watched *c = w->first; c; c = c->next)
            look_at(w, c);
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += LOOK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&w->moved, &w->lock, &until);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

int watch_start(const struct watch_limits *limits, struct watch **out,
                struct error *err)
{
    struct watch *w = calloc(1, sizeof *w);
    int errnum;

    if (!w)
        return error_memory(err);
    w->limits = *limits;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->moved, NULL);
    errnum = pthread_create(&w->thread, NULL, run, w);
    if (errnum) {
        pthread_cond_destroy(&w->moved);
        pthread_mutex_destroy(&w->lock);
        free(w);
        return error_errno(err, ERR_MEMORY, errnum, "cannot start a thread");
    }
    *out = w;
    return 0;
}

void watch_stop(struct watch *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_broadcast(&w->moved);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->moved);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

struct watched *watch_add(struct watch *w, int socket)
{
    struct watched *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->socket = socket;
    c->since = now();
    pthread_mutex_lock(&w->lock);
    c->next = w->first;
    if (c->next)
        c->next->prev = c;
    w->first = c;
    pthread_mutex_unlock(&w->lock);
    return c;
}

void watch_remove(struct watch *w, struct watched *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&w->lock);
    if (c->prev)
        c->prev->next = c->next;
    else
        w->first = c->next;
    if (c->next)
        c->next->prev = c->prev;
    pthread_mutex_unlock(&w->lock);
    free(c);
}

static void set_phase(struct watch *w, struct watched *c, enum phase phase,
                      size_t more, atomic_bool *cancel)
{
    if (!c)
        return;
    pthread_mutex_lock(&w->lock);
    if (c->phase != phase) {
        c->phase = phase;
        c->since = now();
        c->bytes = 0;
        c->counted = 0;
    }
    if (phase == IN_HEAD) {
        c->deadline = 0;
        c->late = false;
    } else if (!c->deadline) {
        c->deadline = now() + (time_t)w->limits.total_seconds;
    }
    c->bytes += more;
    c->cancel = cancel;
    if (cancel && w->cancelled)
        *cancel = true;
    pthread_mutex_unlock(&w->lock);
}

void watch_head(struct watch *w, struct watched *c)
{
    set_phase(w, c, IN_HEAD, 0, NULL);
}

void watch_body(struct watch *w, struct watched *c, size_t more)
{
    set_phase(w, c, IN_BODY, more, NULL);
}

void watch_work(struct watch *w, struct watched *c, atomic_bool *cancel)
{
    set_phase(w, c, IN_WORK, 0, cancel);
}

void watch_reply(struct watch *w, struct watched *c)
{
    set_phase(w, c, IN_REPLY, 0, NULL);
}

bool watch_is_late(struct watch *w, struct watched *c)
{
    bool late;

    if (!c)
        return false;
    pthread_mutex_lock(&w->lock);
    late = c->late;
    pthread_mutex_unlock(&w->lock);
    return late;
}

void watch_cancel_all(struct watch *w)
{
    pthread_mutex_lock(&w->lock);
    w->cancelled = true;
    for (struct watched *c = w->first; c; c = c->next)
        if (c->cancel)
            *c->cancel = true;
    pthread_mutex_unlock(&w->lock);
}
