/*
 * jobs/jobs: submitting, looking, cancelling, removing.
 */
#include "jobs_fixture.h"

START_TEST(test_submit_and_get)
{
    struct job_submission s = { .model = "acme/tiny",
                                .request = "{\"dtype\":\"float32\"}",
                                .key = "k" };
    struct job_progress p;
    struct job *job;
    char id[JOB_ID_LEN + 1];
    bool created = false;

    ck_ok(jobs_submit(jobs, &s, &job, &created, &err), &err);
    ck_assert(created && job_is_id(job->id));
    memcpy(id, job->id, sizeof id);
    job_unref(job);
    for (int i = 0; i < 2; i++) {
        ck_ok(jobs_get(jobs, id, &job, &p, &err), &err);
        ck_assert_str_eq(job->model, "acme/tiny");
        ck_assert_str_eq(job->request, "{\"dtype\":\"float32\"}");
        ck_assert_str_eq(job->key, "k");
        ck_assert_int_eq(job->state, JOB_QUEUED);
        ck_assert_uint_eq(job->created, now);
        ck_assert_uint_eq(job->version, 1);
        ck_assert_uint_eq(p.bytes_total, 0);
        ck_assert_ptr_null(job->revision);
        job_unref(job);
        if (!reopen())
            break;
    }
    ck_fails(jobs_get(jobs, "no-such-job", &job, &p, &err), &err, ERR_NOT_FOUND,
             "no-such-job");
}
END_TEST

START_TEST(test_same_key_joins_what_is_live)
{
    struct job_submission s = { .model = "a/b", .request = "{}", .key = "k" };
    const char *first = submit("a/b", "k");
    uint64_t token = 0;
    struct job *job;
    bool created = true;

    for (int i = 0; i < 2; i++) {
        ck_ok(jobs_submit(jobs, &s, &job, &created, &err), &err);
        ck_assert(!created);
        ck_assert_str_eq(job->id, first);
        job_unref(job);
        if (i == 0)
            ck_assert_str_eq(claim(NULL, &token), first);
    }
    /* One that is about to end is no job to join. */
    ck_ok(jobs_cancel(jobs, first, NULL, &err), &err);
    ck_assert_str_ne(submit("a/b", "k"), first);
    ck_ok(change(first, token, JOB_CANCELLED), &err);
}
END_TEST

START_TEST(test_same_key_for_another_model_waits_for_the_result)
{
    const char *first = submit("a/b", "k");
    const char *second = submit("c/d", "k");
    const char *third = submit("e/f", "other");
    struct job_pick by_key = { .key = "k" };
    struct job_pick by_id = { .id = third };
    uint64_t token[3];

    ck_assert_str_eq(claim(NULL, &token[0]), first);
    ck_assert_str_eq(claim(NULL, &token[2]), third);
    ck_assert_ptr_null(claim(NULL, &token[1]));
    ck_ok(change(third, token[2], JOB_QUEUED), &err);
    ck_assert_str_eq(claim(&by_id, &token[2]), third);
    ck_assert_ptr_null(claim(&by_id, &token[2]));
    ck_ok(change(first, token[0], JOB_FAILED), &err);
    ck_assert_str_eq(claim(&by_key, &token[1]), second);
}
END_TEST

START_TEST(test_idempotency)
{
    struct job_submission s = { .model = "a/b",
                                .request = "{}",
                                .idempotency_key = "key-1",
                                .fingerprint = "print-1" };
    char id[JOB_ID_LEN + 1];
    struct job *job;
    bool created = false;
    uint64_t token = 0;

    ck_ok(jobs_submit(jobs, &s, &job, &created, &err), &err);
    ck_assert(created);
    memcpy(id, job->id, sizeof id);
    job_unref(job);
    for (int i = 0; i < 3; i++) {
        ck_ok(jobs_submit(jobs, &s, &job, &created, &err), &err);
        ck_assert(!created);
        ck_assert_str_eq(job->id, id);
        job_unref(job);
        if (i == 0 && !reopen())
            i = 1;
        if (i == 1) {
            claim(NULL, &token);
            ck_ok(change(id, token, JOB_FAILED), &err);
        }
    }
    s.fingerprint = "print-2";
    ck_fails(jobs_submit(jobs, &s, &job, &created, &err), &err, ERR_KEY_REUSED,
             "key-1");
    ck_assert_int_eq(state_of(id), JOB_FAILED);
    ck_ok(jobs_remove(jobs, id, &err), &err);
    ck_ok(jobs_submit(jobs, &s, &job, &created, &err), &err);
    ck_assert(created);
    job_unref(job);
}
END_TEST

START_TEST(test_find_request)
{
    struct job_submission s = { .model = "a/b",
                                .request = "{}",
                                .idempotency_key = "key-1",
                                .fingerprint = "print-1" };
    char id[JOB_ID_LEN + 1];
    struct job *job = NULL;
    bool created = false;

    ck_ok(jobs_find_request(jobs, "key-1", "print-1", &job, &err), &err);
    ck_assert_ptr_null(job);
    ck_ok(jobs_submit(jobs, &s, &job, &created, &err), &err);
    memcpy(id, job->id, sizeof id);
    job_unref(job);
    reopen();
    job = NULL;
    ck_ok(jobs_find_request(jobs, "key-1", "print-1", &job, &err), &err);
    ck_assert_ptr_nonnull(job);
    ck_assert_str_eq(job->id, id);
    job_unref(job);
    ck_fails(jobs_find_request(jobs, "key-1", "print-2", &job, &err), &err,
             ERR_KEY_REUSED, "key-1");
}
END_TEST

START_TEST(test_expire)
{
    const char *live = submit("a/live", NULL);
    const char *old[3];
    const char *young;
    struct job *job;
    size_t count = 0;

    for (int i = 0; i < 3; i++) {
        old[i] = submit("a/old", NULL);
        ck_ok(jobs_cancel(jobs, old[i], NULL, &err), &err);
    }
    now += 1000;
    young = submit("a/young", NULL);
    ck_ok(jobs_cancel(jobs, young, NULL, &err), &err);
    ck_ok(jobs_expire(jobs, now, 2, &count, &err), &err);
    ck_assert_uint_eq(count, 2);
    ck_ok(jobs_expire(jobs, now, 100, &count, &err), &err);
    ck_assert_uint_eq(count, 1);
    for (int i = 0; i < 3; i++)
        ck_fails(jobs_get(jobs, old[i], &job, NULL, &err), &err, ERR_NOT_FOUND,
                 old[i]);
    reopen();
    ck_assert_int_eq(state_of(live), JOB_QUEUED);
    ck_assert_int_eq(state_of(young), JOB_CANCELLED);
}
END_TEST

START_TEST(test_queue_limit)
{
    struct job_submission s = { .model = "a/b", .request = "{}" };
    uint64_t counts[JOB_STATES];
    uint64_t token = 0;
    struct job *job;
    bool created;

    for (int i = 0; i < 5; i++)
        submit("a/b", NULL);
    ck_fails(jobs_submit(jobs, &s, &job, &created, &err), &err, ERR_QUEUE_FULL,
             "5");
    reopen();
    ck_fails(jobs_submit(jobs, &s, &job, &created, &err), &err, ERR_QUEUE_FULL,
             "5");
    ck_assert_ptr_nonnull(claim(NULL, &token));
    submit("a/b", NULL);
    jobs_count(jobs, counts);
    ck_assert_uint_eq(counts[JOB_QUEUED], 5);
    ck_assert_uint_eq(counts[JOB_FETCHING], 1);
}
END_TEST

START_TEST(test_cancel)
{
    const char *queued = submit("a/b", NULL);
    const char *running;
    struct job *job;
    uint64_t token = 0;
    bool cancel = false;

    ck_ok(jobs_cancel(jobs, queued, &job, &err), &err);
    ck_assert_int_eq(job->state, JOB_CANCELLED);
    ck_assert_uint_eq(job->finished, now);
    job_unref(job);
    ck_fails(jobs_cancel(jobs, queued, NULL, &err), &err, ERR_JOB_STATE,
             queued);
    ck_fails(jobs_cancel(jobs, "x", NULL, &err), &err, ERR_NOT_FOUND, "x");

    running = submit("a/b", NULL);
    claim(NULL, &token);
    ck_ok(jobs_renew(jobs, running, token, &cancel, &err), &err);
    ck_assert(!cancel);
    ck_ok(jobs_cancel(jobs, running, &job, &err), &err);
    ck_assert(job->cancel && job->state == JOB_FETCHING);
    job_unref(job);
    ck_ok(jobs_cancel(jobs, running, NULL, &err), &err);
    ck_ok(jobs_renew(jobs, running, token, &cancel, &err), &err);
    ck_assert(cancel);
    /* Who puts it back does not bring it to life again. */
    ck_ok(change(running, token, JOB_QUEUED), &err);
    ck_assert_int_eq(state_of(running), JOB_CANCELLED);
}
END_TEST

START_TEST(test_remove)
{
    const char *id = submit("a/b", NULL);
    struct job_event events[4];
    uint64_t counts[JOB_STATES];
    uint64_t token = 0;
    struct job *job;
    size_t n;

    ck_fails(jobs_remove(jobs, id, &err), &err, ERR_JOB_STATE, id);
    claim(NULL, &token);
    ck_fails(jobs_remove(jobs, id, &err), &err, ERR_JOB_STATE, id);
    ck_ok(change(id, token, JOB_FAILED), &err);
    ck_ok(jobs_remove(jobs, id, &err), &err);
    ck_fails(jobs_get(jobs, id, &job, NULL, &err), &err, ERR_NOT_FOUND, id);
    ck_fails(jobs_events(jobs, id, 0, events, 4, &n, &err), &err, ERR_NOT_FOUND,
             id);
    ck_fails(jobs_remove(jobs, id, &err), &err, ERR_NOT_FOUND, id);
    jobs_count(jobs, counts);
    for (int i = 0; i < JOB_STATES; i++)
        ck_assert_uint_eq(counts[i], 0);
}
END_TEST

START_TEST(test_list)
{
    static const char *const models[] = { "a/b", "c/d", "a/b", "c/d", "a/b" };
    const char *ids[5];
    struct job_filter f = { .state = -1, .limit = 2 };
    struct job_list l;
    uint64_t token = 0;

    for (int i = 0; i < 5; i++)
        ids[i] = submit(models[i], NULL);
    for (int i = 4; i > 0; i -= 2) {
        ck_ok(jobs_list(jobs, &f, &l, &err), &err);
        ck_assert_uint_eq(l.count, 2);
        ck_assert_str_eq(l.items[0]->id, ids[i]);
        ck_assert_str_eq(l.items[1]->id, ids[i - 1]);
        jobs_list_done(&l);
        f.after = ids[i - 1];
    }
    ck_ok(jobs_list(jobs, &f, &l, &err), &err);
    ck_assert_uint_eq(l.count, 1);
    jobs_list_done(&l);

    ck_assert_str_eq(claim(NULL, &token), ids[0]);
    f = (struct job_filter){ .state = JOB_QUEUED, .limit = 10 };
    ck_ok(jobs_list(jobs, &f, &l, &err), &err);
    ck_assert_uint_eq(l.count, 4);
    jobs_list_done(&l);
    f.model = "a/b";
    ck_ok(jobs_list(jobs, &f, &l, &err), &err);
    ck_assert_uint_eq(l.count, 2);
    jobs_list_done(&l);
    f.state = -1;
    ck_ok(jobs_list(jobs, &f, &l, &err), &err);
    ck_assert_uint_eq(l.count, 3);
    jobs_list_done(&l);
    f = (struct job_filter){ .state = JOB_FAILED, .limit = 10 };
    ck_ok(jobs_list(jobs, &f, &l, &err), &err);
    ck_assert_uint_eq(l.count, 0);
    jobs_list_done(&l);
}
END_TEST

START_TEST(test_ids)
{
    char last[JOB_ID_LEN + 1] = "";
    char id[JOB_ID_LEN + 1];

    for (uint64_t i = 0; i < 20000; i++) {
        ck_ok(job_new_id(now + i % 3, id, &err), &err);
        ck_assert(job_is_id(id));
        ck_assert_str_gt(id, last);
        memcpy(last, id, sizeof id);
    }
    ck_assert(!job_is_id(""));
    ck_assert(!job_is_id("0193-x"));
    id[10] = 'G';
    ck_assert(!job_is_id(id));
    for (int i = 0; i < JOB_STATES; i++)
        ck_assert_int_eq(job_state_find(job_state_name((enum job_state)i)), i);
    ck_assert_int_eq(job_state_find("done"), -1);
}
END_TEST

START_TEST(test_keys)
{
    char a[65];
    char b[65];

    ck_ok(job_key("in", "{}", a, &err), &err);
    ck_ok(job_key("in", "{}", b, &err), &err);
    ck_assert_str_eq(a, b);
    ck_assert_uint_eq(strlen(a), 64);
    ck_ok(job_key("i", "n{}", b, &err), &err);
    ck_assert_str_ne(a, b);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {
        test_submit_and_get,
        test_same_key_joins_what_is_live,
        test_same_key_for_another_model_waits_for_the_result,
        test_idempotency,
        test_find_request,
        test_expire,
        test_queue_limit,
        test_cancel,
        test_remove,
        test_list,
        test_ids,
        test_keys,
    };

    return jobs_run(tests, sizeof tests / sizeof *tests);
}
