/*
 * jobs/worker: from a queued job to a stored model, and every way to end.
 */
#include "worker_fixture.h"

/* What the command would write, against what is stored. */
static void check_bytes(const struct stored_model *m)
{
    struct conversion c;
    struct convert_options o = { .threads = 1 };
    struct convert_report report;
    struct checkpoint *checkpoint;
    struct request r;
    struct sink *sink;

    request_init(&r);
    ck_ok(checkpoint_open_path(source, &checkpoint, &err), &err);
    ck_ok(conversion_plan(checkpoint, &r, &c, &err), &err);
    ck_ok(sink_memory_new(&sink, &err), &err);
    ck_ok(conversion_run(&c, &r, sink, &o, &report, &err), &err);
    ck_assert_uint_eq(m->file_count, c.plan->file_count);
    for (size_t i = 0; i < m->file_count; i++) {
        size_t len = 0;
        const unsigned char *want =
            sink_memory_file(sink, m->files[i].name, &len);
        unsigned char *have = malloc(len + 1);
        int fd;

        ck_assert_ptr_nonnull(want);
        ck_assert_ptr_nonnull(have);
        ck_ok(models_open_file(models, &m->files[i], &fd, &err), &err);
        ck_assert_int_eq(read(fd, have, len + 1), (ssize_t)len);
        ck_assert_int_eq(memcmp(have, want, len), 0);
        free(have);
        close(fd);
    }
    sink_free(sink);
    conversion_done(&c);
    request_done(&r);
}

START_TEST(test_a_job_becomes_a_model)
{
    struct stored_model *m;
    struct job_event events[10];
    char id[JOB_ID_LEN + 1];
    struct job *job;
    size_t n;

    start();
    ck_assert(submit("acme/tiny", "key", "", id));
    job = wait_for(id, JOB_SUCCEEDED);
    ck_assert_msg(job->state == JOB_SUCCEEDED, "%s", job->problem);
    ck_ok(models_get(models, "acme/tiny", NULL, &m, &err), &err);
    ck_assert_str_eq(m->revision, job->revision);
    check_bytes(m);
    ck_assert_ptr_nonnull(strstr(job->report, "\"format\":\"t5x\""));
    ck_assert_ptr_nonnull(strstr(job->report, "\"overflowed\":0"));
    ck_assert_ptr_nonnull(strstr(job->report, source));
    ck_assert_ptr_nonnull(strstr(m->provenance, id));
    ck_assert_uint_eq(entries("staging"), 0);
    ck_ok(jobs_events(jobs, id, 0, events, 10, &n, &err), &err);
    ck_assert_uint_eq(n, 6);
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(events[i].state, (enum job_state)i);
    for (int i = JOB_FETCHING; i < JOB_SUCCEEDED; i++)
        ck_assert_uint_eq(stages[i], 1);
    ck_assert_uint_eq(releases, 1);
    stored_unref(m);
    job_unref(job);
}
END_TEST

START_TEST(test_failures_are_problems)
{
    static const struct {
        const char *more; /* ends the request's JSON */
        const char *slug;
    } cases[] = {
        { ",\"checkpoint\":\"/no/such/folder\"", "invalid-request" },
        { ",\"dtype\":\"float3\"", "invalid-request" },
        { ",\"x\":", "invalid-request" },
    };
    char id[JOB_ID_LEN + 1];
    struct job *job;

    start();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        submit("a/b", NULL, cases[i].more, id);
        job = wait_for(id, JOB_FAILED);
        ck_assert_int_eq(job->state, JOB_FAILED);
        ck_assert_msg(strstr(job->problem, cases[i].slug), "%s", job->problem);
        job_unref(job);
    }
    snprintf(source, sizeof source, "%.200s/models", folder);
    submit("a/b", NULL, "", id);
    job = wait_for(id, JOB_FAILED);
    ck_assert_msg(strstr(job->problem, "unsupported-format") ||
                      strstr(job->problem, "not-found"),
                  "%s", job->problem);
    ck_assert_uint_eq(troubles, 0);
    job_unref(job);
}
END_TEST

START_TEST(test_same_key_shares_one_result)
{
    char first[JOB_ID_LEN + 1];
    char second[JOB_ID_LEN + 1];
    char third[JOB_ID_LEN + 1];
    char fourth[JOB_ID_LEN + 1];
    struct job *a;
    struct job *b;

    start();
    submit("a/b", "key", ",\"slow\":20", first);
    ck_assert(!submit("a/b", "key", ",\"slow\":20", second));
    ck_assert_str_eq(first, second);
    /* Another name: a job of its own, and the same result. */
    ck_assert(submit("c/d", "key", ",\"slow\":20", third));
    a = wait_for(first, JOB_SUCCEEDED);
    b = wait_for(third, JOB_SUCCEEDED);
    ck_assert_str_eq(a->revision, b->revision);
    ck_assert_uint_eq(resolves, 1);
    job_unref(b);
    /* It is there already, however many wait. */
    submit("x/y", NULL, ",\"block\":true", second);
    job_unref(wait_for(second, JOB_FETCHING));
    ck_assert(submit("e/f", "key", "", fourth));
    b = get(fourth);
    ck_assert_int_eq(b->state, JOB_SUCCEEDED);
    ck_assert_str_eq(a->revision, b->revision);
    ck_assert_ptr_nonnull(strstr(b->report, "\"shared\":true"));
    job_unref(b);
    ck_ok(jobs_cancel(jobs, second, NULL, &err), &err);
    /* Once it is deleted it is made again. */
    ck_ok(models_delete(models, "a/b", NULL, &err), &err);
    ck_ok(models_delete(models, "c/d", NULL, &err), &err);
    ck_ok(models_delete(models, "e/f", NULL, &err), &err);
    ck_assert(submit("a/b", "key", "", fourth));
    b = wait_for(fourth, JOB_SUCCEEDED);
    ck_assert_str_eq(a->revision, b->revision);
    ck_assert_uint_eq(resolves, 3);
    job_unref(a);
    job_unref(b);
}
END_TEST

/* Cancels a job in a state, and checks that it ends within a second. */
static void cancel_in(enum job_state state, const char *more)
{
    char id[JOB_ID_LEN + 1];
    struct job *job;
    struct timespec before;
    struct timespec after;

    submit("a/b", NULL, more, id);
    job = wait_for(id, state);
    ck_assert_int_eq(job->state, state);
    job_unref(job);
    clock_gettime(CLOCK_MONOTONIC, &before);
    ck_ok(jobs_cancel(jobs, id, NULL, &err), &err);
    job = wait_for(id, JOB_CANCELLED);
    clock_gettime(CLOCK_MONOTONIC, &after);
    ck_assert_int_eq(job->state, JOB_CANCELLED);
    ck_assert_int_le(after.tv_sec - before.tv_sec, 1);
    ck_assert_uint_eq(entries("staging"), 0);
    job_unref(job);
}

START_TEST(test_cancel)
{
    start();
    cancel_in(JOB_FETCHING, ",\"block\":true");
    cancel_in(JOB_CONVERTING, ",\"slow\":100");
    ck_assert_uint_eq(releases, 2);
}
END_TEST

START_TEST(test_stopping_puts_back_and_starting_goes_on)
{
    char ids[2][JOB_ID_LEN + 1];
    struct job *job;
    struct stored_model *m;

    start();
    submit("a/b", NULL, ",\"slow\":50", ids[0]);
    submit("c/d", NULL, "", ids[1]);
    job_unref(wait_for(ids[0], JOB_CONVERTING));
    worker_stop(worker, 1);
    for (int i = 0; i < 2; i++) {
        job = get(ids[i]);
        ck_assert_int_eq(job->state, JOB_QUEUED);
        ck_assert_uint_eq(job->attempts, 0);
        job_unref(job);
    }
    ck_assert_uint_eq(entries("staging"), 0);
    close_all(0);
    open_all();
    start();
    for (int i = 0; i < 2; i++) {
        job = wait_for(ids[i], JOB_SUCCEEDED);
        ck_assert_int_eq(job->state, JOB_SUCCEEDED);
        job_unref(job);
    }
    ck_ok(models_get(models, "a/b", NULL, &m, &err), &err);
    check_bytes(m);
    stored_unref(m);
}
END_TEST

START_TEST(test_stopping_waits_for_the_grace_time)
{
    char id[JOB_ID_LEN + 1];
    struct job *job;

    start();
    submit("a/b", NULL, ",\"slow\":2", id);
    job_unref(wait_for(id, JOB_CONVERTING));
    worker_stop(worker, 60000);
    job = get(id);
    ck_assert_int_eq(job->state, JOB_SUCCEEDED);
    job_unref(job);
}
END_TEST

/* A request may come to its end while the service stops. */
START_TEST(test_submitting_to_a_stopped_one)
{
    char ids[2][JOB_ID_LEN + 1];
    struct job *job;

    start();
    submit("a/b", "shared", "", ids[0]);
    job_unref(wait_for(ids[0], JOB_SUCCEEDED));
    worker_stop(worker, 0);
    ck_assert(submit("c/d", "shared", "", ids[1]));
    job = get(ids[1]);
    ck_assert_int_eq(job->state, JOB_QUEUED);
    job_unref(job);
    close_all(0);
    open_all();
    start();
    job_unref(wait_for(ids[1], JOB_SUCCEEDED));
}
END_TEST

START_TEST(test_what_died_runs_again)
{
    char id[JOB_ID_LEN + 1];
    struct job *job;
    struct stored_model *m;
    time_t now;

    submit("a/b", NULL, "", id);
    ck_ok(jobs_claim(jobs, NULL, &job, &err), &err);
    ck_assert_str_eq(job->id, id);
    job_unref(job);
    close_all(0); /* and nobody has said what became of it */
    open_all();
    now = time(NULL);
    start();
    job = wait_for(id, JOB_SUCCEEDED);
    ck_assert_int_lt(time(NULL) - now, 10); /* the lease is not waited for */
    ck_assert_int_eq(job->state, JOB_SUCCEEDED);
    ck_assert_uint_eq(job->attempts, 2);
    job_unref(job);
    ck_ok(models_get(models, "a/b", NULL, &m, &err), &err);
    check_bytes(m);
    stored_unref(m);
}
END_TEST

START_TEST(test_progress)
{
    char id[JOB_ID_LEN + 1];
    struct job_progress p = { .tick = 0 };
    struct job *job;
    uint64_t seen = 0;
    bool estimated = false;
    bool ended = false;

    start();
    submit("a/b", NULL, ",\"slow\":20", id);
    job_unref(wait_for(id, JOB_CONVERTING));
    while (!estimated && !ended) {
        ck_ok(jobs_wait(jobs, id, UINT64_MAX, p.tick, 1000, &job, &p, &err),
              &err);
        ended = job_ended(job->state);
        if (job->state == JOB_CONVERTING && p.bytes_total) {
            ck_assert_uint_ge(p.bytes_done, seen);
            ck_assert_uint_le(p.bytes_done, p.bytes_total);
            ck_assert_uint_le(p.tensors_done, p.tensors_total);
            ck_assert_uint_gt(p.tensors_total, 10);
            estimated = p.rate && p.remaining_ms;
            seen = p.bytes_done;
        }
        job_unref(job);
    }
    job = wait_for(id, JOB_SUCCEEDED);
    ck_assert_int_eq(job->state, JOB_SUCCEEDED);
    ck_assert_uint_gt(seen, 0);
    ck_assert(estimated);
    job_unref(job);
}
END_TEST

START_TEST(test_quota)
{
    char id[JOB_ID_LEN + 1];
    struct job *job;

    close_all(0);
    models_config.quota = 1000;
    open_all();
    start();
    submit("a/b", NULL, "", id);
    job = wait_for(id, JOB_FAILED);
    ck_assert_int_eq(job->state, JOB_FAILED);
    ck_assert_ptr_nonnull(strstr(job->problem, "quota-exceeded"));
    ck_assert_uint_eq(models_bytes(models), 0);
    job_unref(job);
}
END_TEST

START_TEST(test_lost_leases)
{
    char id[JOB_ID_LEN + 1];
    struct job *job;

    close_all(0);
    jobs_config.lease_ms = 600;
    worker_config.lease_ms = 600;
    worker_config.jobs_at_once = 2;
    open_all();
    start();
    /* It runs longer than a lease, and is renewed. */
    submit("a/b", NULL, ",\"slow\":20", id);
    job = wait_for(id, JOB_SUCCEEDED);
    ck_assert_int_eq(job->state, JOB_SUCCEEDED);
    ck_assert_uint_eq(job->attempts, 1);
    job_unref(job);
    ck_assert_uint_eq(troubles, 0);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {
        test_a_job_becomes_a_model,
        test_failures_are_problems,
        test_same_key_shares_one_result,
        test_cancel,
        test_stopping_puts_back_and_starting_goes_on,
        test_stopping_waits_for_the_grace_time,
        test_submitting_to_a_stopped_one,
        test_what_died_runs_again,
        test_progress,
        test_quota,
        test_lost_leases,
    };

    return unit_run_in("worker", tests, sizeof tests / sizeof *tests, setup,
                       teardown);
}
