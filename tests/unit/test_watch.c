/*
 * api/watch, api/gate: slow and leaving clients, turns and cancelling.
 */
#include "unit.h"

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

static void connect_pair(unsigned head, unsigned body)
{
    const struct watch_limits limits = { .head_seconds = head,
                                         .body_seconds = body,
                                         .body_rate = 1000 };
    struct error err;
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ours = pair[0];
    theirs = pair[1];
    ck_ok(watch_start(&limits, &watch, &err), &err);
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
    const TTest *const tests[] = { test_slow_head,  test_slow_body,
                                   test_patience,   test_client_leaves,
                                   test_cancel_all, test_gate };

    return unit_run("watch", tests, sizeof tests / sizeof *tests);
}
