/*
 * api/watch, api/gate: slow and leaving clients, turns and cancelling.
 */
#include "unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "gate.h"
#include "watch.h"

static struct watch *watch;
static int ours, theirs; /* the two ends of a connection */

static void start_watch(unsigned head, unsigned rate, unsigned total)
{
    const struct watch_limits limits = { .head_seconds = head,
                                         .rate_seconds = rate,
                                         .rate = 1000,
                                         .total_seconds = total };
    struct error err;

    ck_ok(watch_start(&limits, &watch, &err), &err);
}

static void connect_pair_for(unsigned head, unsigned rate, unsigned total)
{
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ours = pair[0];
    theirs = pair[1];
    start_watch(head, rate, total);
}

static void connect_pair(unsigned head, unsigned rate)
{
    connect_pair_for(head, rate, 1000);
}

/* The same over TCP, with small buffers; our end does not block. */
static void connect_tcp(unsigned rate)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof to;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int small = 8192;

    setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&to, len), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&to, &len), 0);
    theirs = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(theirs, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    ck_assert_int_eq(connect(theirs, (struct sockaddr *)&to, len), 0);
    ours = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    ck_assert_int_ge(ours, 0);
    close(listener);
    start_watch(1000, rate, 1000);
}

/* Sends for some time, while the client takes want bytes each 50 ms. */
static bool still_sends(unsigned ms, size_t want)
{
    static const struct timespec pause = { .tv_nsec = 50000000 };
    static char piece[1 << 16];
    ssize_t n = 0;

    for (unsigned i = 0; i < ms / 50; i++) {
        do
            n = send(ours, piece, sizeof piece, MSG_NOSIGNAL);
        while (n > 0);
        if (errno == EPIPE || errno == ECONNRESET)
            return false;
        if (want > 0)
            n = recv(theirs, piece, want, MSG_DONTWAIT);
        nanosleep(&pause, NULL);
    }
    return true;
}

static void disconnect_pair(void)
{
    watch_stop(watch);
    close(ours);
    if (theirs >= 0)
        close(theirs);
}

/* Whether the client sees the end of its connection in some milliseconds. */
static bool is_cut(int ms)
{
    struct pollfd p = { .fd = theirs, .events = POLLIN };
    char byte;

    return poll(&p, 1, ms) == 1 && read(theirs, &byte, 1) == 0;
}

static bool becomes_true(const atomic_bool *what)
{
    static const struct timespec pause = { .tv_nsec = 10000000 };

    for (unsigned i = 0; i < 500 && !*what; i++)
        nanosleep(&pause, NULL);
    return *what;
}

START_TEST(test_slow_head)
{
    struct watched *c;

    connect_pair(1, 1000);
    c = watch_add(watch, ours);
    ck_assert(!is_cut(500));
    ck_assert(is_cut(5000));
    watch_remove(watch, c);
    disconnect_pair();
}
END_TEST

START_TEST(test_slow_body)
{
    struct watched *c;

    connect_pair(1, 1);
    c = watch_add(watch, ours);
    watch_body(watch, c, 100);
    ck_assert(is_cut(5000));
    watch_remove(watch, c);
    disconnect_pair();
}
END_TEST

START_TEST(test_patience)
{
    struct watched *c;
    atomic_bool cancel = false;

    connect_pair(1, 1);
    c = watch_add(watch, ours);
    watch_body(watch, c, 1000000);
    ck_assert(!is_cut(2500));
    watch_work(watch, c, &cancel);
    ck_assert(!is_cut(2500));
    watch_reply(watch, c);
    ck_assert(!is_cut(2500));
    ck_assert(!cancel);
    watch_remove(watch, c);
    disconnect_pair();
}
END_TEST

/* A reader without haste is cut off, one that keeps the rate is not. */
START_TEST(test_slow_reader)
{
    struct watched *c;

    connect_tcp(1);
    c = watch_add(watch, ours);
    watch_reply(watch, c);
    ck_assert(still_sends(4000, 4096));
    ck_assert(!still_sends(8000, 0));
    watch_remove(watch, c);
    disconnect_pair();
}
END_TEST

/* A reply that has nothing to tell for a while is no client's fault. */
START_TEST(test_quiet_reply)
{
    struct watched *c;

    connect_tcp(1);
    c = watch_add(watch, ours);
    watch_reply(watch, c);
    ck_assert_int_eq(send(ours, "x", 1, 0), 1);
    ck_assert_int_eq(recv(theirs, (char[1]){ 0 }, 1, 0), 1);
    ck_assert(!is_cut(4000));
    watch_remove(watch, c);
    disconnect_pair();
}
END_TEST

START_TEST(test_too_long)
{
    struct watched *c;

    connect_pair_for(1000, 1000, 1);
    c = watch_add(watch, ours);
    ck_assert(!is_cut(3000)); /* there is no request yet */
    watch_body(watch, c, 1000000);
    ck_assert(is_cut(5000));
    watch_remove(watch, c);
    disconnect_pair();
}
END_TEST

/* Work is cancelled, and what it says of that still goes out. */
START_TEST(test_too_long_work)
{
    atomic_bool cancel = false;
    struct watched *c;

    connect_pair_for(1000, 1000, 1);
    c = watch_add(watch, ours);
    watch_body(watch, c, 1000000);
    watch_work(watch, c, &cancel);
    ck_assert(!watch_is_late(watch, c));
    ck_assert(becomes_true(&cancel));
    ck_assert(watch_is_late(watch, c));
    watch_reply(watch, c);
    ck_assert(!is_cut(3000));
    watch_head(watch, c);
    ck_assert(!watch_is_late(watch, c));
    watch_remove(watch, c);
    disconnect_pair();
}
END_TEST

START_TEST(test_too_long_wait)
{
    struct watched *c;

    connect_pair_for(1000, 1000, 1);
    c = watch_add(watch, ours);
    watch_work(watch, c, NULL);
    ck_assert(is_cut(5000));
    watch_remove(watch, c);
    disconnect_pair();
}
END_TEST

START_TEST(test_client_leaves)
{
    atomic_bool cancel = false;
    struct watched *c;

    connect_pair(1000, 1000);
    c = watch_add(watch, ours);
    watch_work(watch, c, &cancel);
    ck_assert(!cancel);
    close(theirs);
    theirs = -1;
    ck_assert(becomes_true(&cancel));
    watch_remove(watch, c);
    disconnect_pair();
}
END_TEST

START_TEST(test_cancel_all)
{
    atomic_bool first = false, later = false;
    struct watched *c;

    connect_pair(1000, 1000);
    c = watch_add(watch, ours);
    watch_work(watch, c, &first);
    watch_cancel_all(watch);
    ck_assert(first);
    watch_reply(watch, c);
    watch_work(watch, c, &later);
    ck_assert(later);
    watch_remove(watch, c);
    disconnect_pair();
}
END_TEST

static struct gate *gate;
static atomic_uint order;

struct visitor {
    pthread_t thread;
    atomic_bool cancel;
    unsigned turn; /* when it came in, from 1 */
    int rc;
};

static void *visit(void *ctx)
{
    struct visitor *v = ctx;

    v->rc = gate_enter(gate, &v->cancel, NULL);
    if (!v->rc) {
        v->turn = ++order;
        gate_leave(gate);
    }
    return NULL;
}

static void wait_until_full(void)
{
    static const struct timespec pause = { .tv_nsec = 1000000 };

    while (!gate_is_full(gate))
        nanosleep(&pause, NULL);
}

START_TEST(test_gate)
{
    enum { VISITORS = 3 };
    struct visitor v[VISITORS] = { 0 };
    static const struct timespec pause = { .tv_nsec = 50000000 };
    atomic_bool no = false;
    struct error err;

    ck_ok(gate_new(1, VISITORS, &gate, &err), &err);
    ck_ok(gate_enter(gate, &no, &err), &err);
    ck_assert(!gate_is_full(gate));
    for (unsigned i = 0; i < VISITORS; i++) {
        pthread_create(&v[i].thread, NULL, visit, &v[i]);
        nanosleep(&pause, NULL);
    }
    wait_until_full();
    ck_fails(gate_enter(gate, &no, &err), &err, ERR_BUSY, "wait already");
    v[1].cancel = true;
    pthread_join(v[1].thread, NULL);
    ck_assert_int_eq(v[1].rc, ERR_CANCELLED);
    ck_assert(!gate_is_full(gate));
    ck_assert_uint_eq(order, 0);
    gate_leave(gate);
    pthread_join(v[0].thread, NULL);
    pthread_join(v[2].thread, NULL);
    ck_assert_uint_eq(v[0].turn, 1);
    ck_assert_uint_eq(v[2].turn, 2);
    gate_free(gate);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_slow_head,     test_slow_body,
                                   test_patience,      test_slow_reader,
                                   test_quiet_reply,   test_too_long,
                                   test_too_long_work, test_too_long_wait,
                                   test_client_leaves, test_cancel_all,
                                   test_gate };

    return unit_run("watch", tests, sizeof tests / sizeof *tests);
}
