/*
 * jobs/jobs_work: claims, changes, leases, recovery, and how news gets around.
 */
#include "jobs_fixture.h"

#include <pthread.h>
#include <time.h>

START_TEST(test_a_job_runs_and_succeeds)
{
    const char *id = submit("a/b", NULL);
    uint64_t token = 0;
    struct job *job;
    struct job_change done = { .state = JOB_SUCCEEDED,
                               .revision = "abc",
                               .report = "{\"overflowed\":0}" };

    ck_assert_str_eq(claim(NULL, &token), id);
    ck_assert_ptr_null(claim(NULL, &token));
    ck_ok(change(id, token, JOB_CONVERTING), &err);
    ck_fails(change(id, token, JOB_PLANNING), &err, ERR_JOB_STATE, id);
    now += 5000;
    ck_ok(jobs_change(jobs, id, token, &done, &job, &err), &err);
    ck_assert_uint_eq(job->started, now - 5000);
    ck_assert_uint_eq(job->finished, now);
    ck_assert_uint_eq(job->attempts, 1);
    job_unref(job);
    reopen();
    ck_ok(jobs_get(jobs, id, &job, NULL, &err), &err);
    ck_assert_int_eq(job->state, JOB_SUCCEEDED);
    ck_assert_str_eq(job->revision, "abc");
    ck_assert_str_eq(job->report, "{\"overflowed\":0}");
    job_unref(job);
    ck_fails(change(id, token, JOB_FAILED), &err, ERR_LEASE, id);
}
END_TEST

START_TEST(test_events)
{
    static const enum job_state states[] = {
        JOB_QUEUED, JOB_FETCHING, JOB_PLANNING, JOB_CONVERTING,
        JOB_QUEUED, JOB_FETCHING, JOB_FAILED,
    };
    const char *id = submit("a/b", NULL);
    struct job_event e[10];
    uint64_t token = 0;
    size_t n = 0;

    for (size_t i = 1; i < 7; i++) {
        if (states[i] == JOB_FETCHING)
            claim(NULL, &token);
        else
            ck_ok(change(id, token, states[i]), &err);
    }
    reopen();
    ck_ok(jobs_events(jobs, id, 0, e, 10, &n, &err), &err);
    ck_assert_uint_eq(n, 7);
    for (size_t i = 0; i < n; i++) {
        ck_assert_uint_eq(e[i].seq, i + 1);
        ck_assert_int_eq(e[i].state, states[i]);
        ck_assert_uint_eq(e[i].time, now);
    }
    ck_ok(jobs_events(jobs, id, 5, e, 1, &n, &err), &err);
    ck_assert_uint_eq(n, 1);
    ck_assert_uint_eq(e[0].seq, 6);
    ck_assert_uint_eq(e[0].attempt, 1); /* what was put back does not count */
    ck_ok(jobs_events(jobs, id, UINT64_MAX, e, 10, &n, &err), &err);
    ck_assert_uint_eq(n, 0);
}
END_TEST

START_TEST(test_progress)
{
    const char *id = submit("a/b", NULL);
    struct job_progress p = { .bytes_done = 5, .bytes_total = 10, .rate = 3 };
    struct job *job;
    uint64_t token = 0;

    jobs_report_progress(jobs, id, &p); /* not running: lost */
    claim(NULL, &token);
    ck_ok(jobs_get(jobs, id, &job, &p, &err), &err);
    job_unref(job);
    ck_assert_uint_eq(p.bytes_total, 0);
    p = (struct job_progress){ .bytes_done = 5, .bytes_total = 10 };
    jobs_report_progress(jobs, id, &p);
    p.bytes_done = 6;
    jobs_report_progress(jobs, id, &p);
    ck_ok(jobs_wait(jobs, id, UINT64_MAX, 1, 5000, &job, &p, &err), &err);
    job_unref(job);
    ck_assert_uint_eq(p.bytes_done, 6);
    ck_assert_uint_eq(p.tick, 2);
    ck_ok(change(id, token, JOB_QUEUED), &err);
    ck_ok(jobs_get(jobs, id, &job, &p, &err), &err);
    job_unref(job);
    ck_assert_uint_eq(p.bytes_done, 0);
}
END_TEST

START_TEST(test_leases_and_tokens)
{
    const char *id = submit("a/b", NULL);
    uint64_t old = 0;
    uint64_t new = 0;
    bool cancel;
    size_t n = 9;

    claim(NULL, &old);
    now += 900;
    ck_ok(jobs_renew(jobs, id, old, &cancel, &err), &err);
    now += 900;
    ck_ok(jobs_recover(jobs, false, &n, &err), &err);
    ck_assert_uint_eq(n, 0);
    now += 200;
    ck_ok(jobs_recover(jobs, false, &n, &err), &err);
    ck_assert_uint_eq(n, 1);
    ck_fails(change(id, old, JOB_SUCCEEDED), &err, ERR_LEASE, id);
    ck_assert_str_eq(claim(NULL, &new), id);
    ck_assert_uint_gt(new, old);
    ck_fails(change(id, old, JOB_SUCCEEDED), &err, ERR_LEASE, id);
    ck_fails(jobs_renew(jobs, id, old, &cancel, &err), &err, ERR_LEASE, id);
    ck_ok(change(id, new, JOB_SUCCEEDED), &err);
}
END_TEST

START_TEST(test_recovery_counts_attempts)
{
    const char *id = submit("a/b", NULL);
    const char *cancelled = submit("a/b", NULL);
    struct job_pick pick = { .id = cancelled };
    struct job *job;
    uint64_t token = 0;
    size_t n = 0;

    for (int attempt = 1; attempt <= 2; attempt++) {
        ck_assert_str_eq(claim(NULL, &token), id);
        if (attempt == 1) {
            claim(&pick, &token);
            ck_ok(jobs_cancel(jobs, cancelled, NULL, &err), &err);
        }
        reopen();
        ck_ok(jobs_recover(jobs, true, &n, &err), &err);
        ck_assert_uint_eq(n, attempt == 1 ? 2 : 1);
    }
    ck_assert_int_eq(state_of(cancelled), JOB_CANCELLED);
    ck_ok(jobs_get(jobs, id, &job, NULL, &err), &err);
    ck_assert_int_eq(job->state, JOB_FAILED);
    ck_assert_uint_eq(job->attempts, 2);
    ck_assert_ptr_nonnull(strstr(job->problem, "too-many-attempts"));
    job_unref(job);
}
END_TEST

static void *finish_later(void *arg)
{
    struct timespec t = { .tv_nsec = 50000000 };
    uint64_t token = 0;

    nanosleep(&t, NULL);
    claim(NULL, &token);
    ck_ok(change(arg, token, JOB_FAILED), &err);
    ck_ok(jobs_remove(jobs, arg, &err), &err);
    return NULL;
}

START_TEST(test_wait)
{
    char *id = strdup(submit("a/b", NULL));
    pthread_t thread;
    struct job *job;
    struct error why;
    uint64_t version = 1;
    int rc;

    ck_ok(jobs_wait(jobs, id, 1, UINT64_MAX, 10, &job, NULL, &err), &err);
    ck_assert_uint_eq(job->version, 1);
    job_unref(job);
    ck_assert_int_eq(pthread_create(&thread, NULL, finish_later, id), 0);
    for (;;) {
        rc = jobs_wait(jobs, id, version, UINT64_MAX, 10000, &job, NULL, &why);
        if (rc)
            break;
        ck_assert_uint_gt(job->version, version);
        version = job->version;
        job_unref(job);
    }
    pthread_join(thread, NULL);
    ck_assert_int_eq(rc, ERR_NOT_FOUND);
    free(id);
}
END_TEST

static void count_news(void *ctx, const char *id)
{
    struct job *job;

    if (jobs_get(jobs, id, &job, NULL, NULL) == 0) {
        ++*(unsigned *)ctx;
        job_unref(job);
    }
}

START_TEST(test_listeners)
{
    struct job_progress p = { .bytes_total = 1 };
    unsigned news = 0;
    const char *id;
    uint64_t token = 0;

    ck_ok(jobs_listen(jobs, count_news, &news, &err), &err);
    id = submit("a/b", NULL);
    ck_assert_uint_eq(news, 1);
    claim(NULL, &token);
    jobs_report_progress(jobs, id, &p);
    ck_ok(jobs_cancel(jobs, id, NULL, &err), &err);
    ck_assert_uint_eq(news, 4);
    jobs_unlisten(jobs, count_news, &news);
    ck_ok(change(id, token, JOB_CANCELLED), &err);
    ck_assert_uint_eq(news, 4);
    for (size_t i = 0; i < JOBS_LISTENERS; i++)
        ck_ok(jobs_listen(jobs, count_news, &news, &err), &err);
    ck_fails(jobs_listen(jobs, count_news, &news, &err), &err, ERR_INTERNAL,
             "listeners");
}
END_TEST

static void *work(void *arg)
{
    unsigned *done = arg;
    struct job *job;
    struct job_change c = { .state = JOB_SUCCEEDED, .revision = "r" };

    while (*done < 1000 && jobs_claim(jobs, NULL, &job, NULL) == 0) {
        if (!job)
            break;
        if (jobs_change(jobs, job->id, job->token, &c, NULL, NULL) == 0)
            ++*done;
        job_unref(job);
    }
    return NULL;
}

START_TEST(test_each_job_has_one_worker)
{
    pthread_t threads[4];
    unsigned done[4] = { 0 };
    unsigned sum = 0;
    uint64_t counts[JOB_STATES];

    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 5; i++)
            submit("a/b", NULL);
        for (int i = 0; i < 4; i++)
            ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &done[i]),
                             0);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < 4; i++)
        sum += done[i];
    ck_assert_uint_eq(sum, 50);
    jobs_count(jobs, counts);
    ck_assert_uint_eq(counts[JOB_SUCCEEDED], 50);
}
END_TEST

START_TEST(test_more_jobs_than_are_kept)
{
    struct job_submission s = { .model = "a/b", .request = "{}" };
    struct job_change c = { .state = JOB_FAILED, .problem = "{}" };
    char first[JOB_ID_LEN + 1] = "";
    struct job *job;
    bool created;

    for (int i = 0; i < 4200; i++) {
        ck_ok(jobs_submit(jobs, &s, &job, &created, &err), &err);
        if (i == 0)
            memcpy(first, job->id, sizeof first);
        job_unref(job);
        ck_ok(jobs_claim(jobs, NULL, &job, &err), &err);
        ck_ok(jobs_change(jobs, job->id, job->token, &c, NULL, &err), &err);
        job_unref(job);
    }
    ck_assert_int_eq(state_of(first), JOB_FAILED);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {
        test_a_job_runs_and_succeeds,
        test_events,
        test_progress,
        test_leases_and_tokens,
        test_recovery_counts_attempts,
        test_wait,
        test_listeners,
        test_each_job_has_one_worker,
        test_more_jobs_than_are_kept,
    };

    return jobs_run(tests, sizeof tests / sizeof *tests);
}
