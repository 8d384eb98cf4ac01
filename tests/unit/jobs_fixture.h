/*
 * A queue for a test: the same tests run over both backends.
 */
#ifndef SWITCHYARD_TESTS_JOBS_FIXTURE_H
#define SWITCHYARD_TESTS_JOBS_FIXTURE_H

#include "folder_fixture.h"

#include "jobs/jobs.h"

static char folder[256];
static struct db *db;
static struct jobs *jobs;
static struct error err;
static uint64_t now = 1700000000000;

static inline uint64_t test_clock(void)
{
    return now;
}

static const struct jobs_config config = {
    .queue_limit = 5,
    .max_attempts = 2,
    .lease_ms = 1000,
    .clock = test_clock,
};

static inline void setup_memory(void)
{
    ck_ok(jobs_open_memory(&config, &jobs, &err), &err);
}

static inline void setup_sqlite(void)
{
    folder_make(folder);
    ck_ok(db_open(folder, &db, &err), &err);
    ck_ok(jobs_open_sqlite(db, &config, &jobs, &err), &err);
}

static inline void teardown(void)
{
    jobs_close(jobs);
    db_close(db);
    if (*folder)
        folder_remove(folder);
}

/* Where records outlive the queue: closes and opens it. */
static inline bool reopen(void)
{
    if (!db)
        return false;
    jobs_close(jobs);
    db_close(db);
    ck_ok(db_open(folder, &db, &err), &err);
    ck_ok(jobs_open_sqlite(db, &config, &jobs, &err), &err);
    return true;
}

/* Submits, and returns the id, which lives until the next but seven call. */
static inline const char *submit(const char *model, const char *key)
{
    static char ids[8][JOB_ID_LEN + 1];
    static unsigned next;
    struct job_submission s = { .model = model,
                                .request = "{\"checkpoint\":\"upload:x\"}",
                                .key = key };
    char *id = ids[next++ % 8];
    struct job *job;
    bool created = false;

    ck_ok(jobs_submit(jobs, &s, &job, &created, &err), &err);
    ck_assert(created);
    memcpy(id, job->id, sizeof job->id);
    job_unref(job);
    return id;
}

/* Claims; *token is the claim's. */
static inline const char *claim(const struct job_pick *pick, uint64_t *token)
{
    static char id[JOB_ID_LEN + 1];
    struct job *job;

    ck_ok(jobs_claim(jobs, pick, &job, &err), &err);
    if (!job)
        return NULL;
    ck_assert_int_eq(job->state, JOB_FETCHING);
    memcpy(id, job->id, sizeof id);
    *token = job->token;
    job_unref(job);
    return id;
}

static inline int change(const char *id, uint64_t token, enum job_state state)
{
    struct job_change c = { .state = state };

    if (state == JOB_SUCCEEDED)
        c.revision = "0123456789012345678901234567890123456789";
    if (state == JOB_FAILED)
        c.problem = "{\"status\":500}";
    return jobs_change(jobs, id, token, &c, NULL, &err);
}

static inline enum job_state state_of(const char *id)
{
    struct job *job;
    enum job_state state;

    ck_ok(jobs_get(jobs, id, &job, NULL, &err), &err);
    state = job->state;
    job_unref(job);
    return state;
}

/* Both suites, for use as main()'s body. */
static inline int jobs_run(const TTest *const *tests, size_t count)
{
    int failed =
        unit_run_in("jobs in memory", tests, count, setup_memory, teardown);

    return failed |
           unit_run_in("jobs in sqlite", tests, count, setup_sqlite, teardown);
}

#endif
