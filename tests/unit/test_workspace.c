/*
 * workspace.c: what is charged, what is reused, who waits.
 */
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "workspace.h"

static struct workspaces *pool;

static void start(uint64_t budget)
{
    struct error err;

    ck_ok(workspaces_new(budget, &pool, &err), &err);
}

static struct workspace *take(uint64_t need)
{
    struct workspace *w = NULL;
    struct error err;

    ck_ok(workspaces_take(pool, need, &w, &err), &err);
    return w;
}

/* Takes from another thread, to see whether it waits. */
struct taker {
    pthread_t thread;
    uint64_t need;
    _Atomic(struct workspace *) got;
    atomic_bool done;
};

static void *take_and_tell(void *arg)
{
    struct taker *t = arg;
    struct workspace *w = NULL;

    workspaces_take(pool, t->need, &w, NULL);
    atomic_store(&t->got, w);
    atomic_store(&t->done, true);
    return NULL;
}

static void launch(struct taker *t, uint64_t need)
{
    atomic_store(&t->done, false);
    atomic_store(&t->got, NULL);
    t->need = need;
    ck_assert_int_eq(pthread_create(&t->thread, NULL, take_and_tell, t), 0);
}

static bool done_after(struct taker *t, unsigned milliseconds)
{
    for (unsigned i = 0; i < milliseconds && !atomic_load(&t->done); i++)
        usleep(1000);
    return atomic_load(&t->done);
}

static struct workspace *join(struct taker *t)
{
    ck_assert_int_eq(pthread_join(t->thread, NULL), 0);
    return atomic_load(&t->got);
}

START_TEST(test_reuse)
{
    struct workspace *a;
    struct error err;

    start(100);
    a = take(40);
    ck_ok(workspace_reserve(a, 1000, &err), &err);
    ck_assert_uint_ge(a->room, 1000);
    memset(a->out, 1, a->room);
    workspaces_give(pool, a);
    ck_assert_ptr_eq(take(30), a);
    ck_assert_uint_eq(a->charge, 40);
    workspaces_give(pool, a);
    ck_assert_ptr_eq(take(70), a);
    ck_assert_uint_eq(a->charge, 70);
    ck_ok(workspace_reserve(a, 5 << 20, &err), &err);
    memset(a->out, 1, a->room);
    ck_assert_int_eq(workspace_reserve(a, SIZE_MAX, &err), ERR_MEMORY);
    workspaces_give(pool, a);
    workspaces_free(pool);
    workspaces_free(NULL);
}
END_TEST

START_TEST(test_budget_makes_wait)
{
    struct workspace *a, *b;
    struct taker t;

    start(100);
    a = take(40);
    b = take(60);
    launch(&t, 1);
    ck_assert(!done_after(&t, 50));
    workspaces_give(pool, a);
    ck_assert_ptr_eq(join(&t), a);
    workspaces_give(pool, a);
    workspaces_give(pool, b);
    workspaces_free(pool);
}
END_TEST

/* What is too large for the budget waits until it is alone, and then runs. */
START_TEST(test_too_large_runs_alone)
{
    struct workspace *a, *huge;
    struct taker t, u;

    start(100);
    a = take(40);
    launch(&t, 500);
    ck_assert(!done_after(&t, 50));
    workspaces_give(pool, a);
    huge = join(&t);
    ck_assert_ptr_nonnull(huge);
    launch(&u, 1);
    ck_assert(!done_after(&u, 50));
    workspaces_give(pool, huge);
    a = join(&u);
    ck_assert_uint_eq(a->charge, 1);
    workspaces_give(pool, a);
    workspaces_free(pool);
}
END_TEST

/* A large one at rest makes room for several small ones where some wait. */
START_TEST(test_large_gives_way)
{
    struct workspace *a, *b, *c;
    struct taker t, u;

    start(100);
    a = take(60);
    b = take(40);
    launch(&t, 20);
    launch(&u, 20);
    ck_assert(!done_after(&t, 30));
    ck_assert(!done_after(&u, 30));
    workspaces_give(pool, a);
    a = join(&t);
    c = join(&u);
    ck_assert_uint_le(a->charge + c->charge, 60);
    workspaces_give(pool, a);
    workspaces_give(pool, b);
    workspaces_give(pool, c);
    workspaces_free(pool);
}
END_TEST

START_TEST(test_stop)
{
    struct workspace *a;
    struct taker t;

    start(100);
    a = take(100);
    launch(&t, 50);
    ck_assert(!done_after(&t, 50));
    workspaces_stop(pool);
    ck_assert_ptr_null(join(&t));
    ck_assert_ptr_null(take(1));
    workspaces_give(pool, a);
    workspaces_free(pool);
}
END_TEST

/* A task of another kind does not add its buffers to those of the last. */
START_TEST(test_fit)
{
    const size_t out = 16 << 20;
    struct workspace *a;
    struct error err;

    start(64 << 20);
    a = take(32 << 20);
    ck_ok(workspace_reserve(a, out, &err), &err);
    workspace_fit(a, 8 << 20, out);
    ck_assert_uint_ge(a->room, out);
    workspace_fit(a, 12 << 20, 1);
    ck_assert_uint_eq(a->room, 0);
    ck_ok(workspace_reserve(a, 1, &err), &err);
    workspaces_give(pool, a);
    workspaces_free(pool);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_reuse,
        test_budget_makes_wait,
        test_too_large_runs_alone,
        test_large_gives_way,
        test_stop,
        test_fit,
    };

    return unit_run("workspace", tests, sizeof tests / sizeof *tests);
}
