/*
 * Jobs in SQLite. A function is one statement: its text, its parameters, its
 * result.
 */
#include <stdlib.h>
#include <string.h>

#include "jobs/jobs_backend.h"

struct sqlite_jobs {
    struct jobs_backend base;
    struct db *db;
};

static int sqlite_begin(struct jobs_backend *b, enum db_mode mode,
                        struct db_tx **tx, struct error *err)
{
    return db_begin(((struct sqlite_jobs *)b)->db, mode, tx, err);
}

static int sqlite_end(struct jobs_backend *b, struct db_tx *tx, int rc,
                      struct error *err)
{
    (void)b;
    return db_end(tx, rc, err);
}

/* The columns that row_to_job() reads, in its order. */
#define COLUMNS                                                                \
    "id, state, version, attempts, token, lease, cancel, created, started, "   \
    "finished, model, key, request, revision, problem, report "

static int row_to_job(const struct db_query *q, struct job **out,
                      struct error *err)
{
    struct job *job = job_new();
    const char *id = db_text(q, 0);
    int rc = 0;

    if (!job || !id || strlen(id) > JOB_ID_LEN) {
        job_unref(job);
        return job ? error_set(err, ERR_DATABASE, "a job's id is damaged")
                   : error_memory(err);
    }
    memcpy(job->id, id, strlen(id) + 1);
    job->state = (enum job_state)db_u64(q, 1);
    job->version = db_u64(q, 2);
    job->attempts = (unsigned)db_u64(q, 3);
    job->token = db_u64(q, 4);
    job->lease = db_u64(q, 5);
    job->cancel = db_u64(q, 6) != 0;
    job->created = db_u64(q, 7);
    job->started = db_u64(q, 8);
    job->finished = db_u64(q, 9);

    char **const texts[] = { &job->model,    &job->key,     &job->request,
                             &job->revision, &job->problem, &job->report };

    for (int i = 0; !rc && i < 6; i++)
        rc = job_set_text(texts[i], db_text(q, 10 + i), err);
    if (rc)
        job_unref(job);
    else
        *out = job;
    return rc;
}

/* Ends a query for at most one job. */
static int finish_one(struct db_query *q, struct job **out, struct error *err)
{
    struct job *job = NULL;
    int rc = 0;
    int failed;

    if (db_row(q))
        rc = row_to_job(q, &job, err);
    failed = db_finish(q, rc ? NULL : err);
    if (rc || failed) {
        job_unref(job);
        return rc ? rc : failed;
    }
    *out = job;
    return 0;
}

static int sqlite_load(struct jobs_backend *b, struct db_tx *tx, const char *id,
                       struct job **out, struct error *err)
{
    struct db_query q;

    (void)b;
    db_query(tx, &q, "SELECT " COLUMNS "FROM jobs WHERE id = ?");
    db_bind_text(&q, id);
    return finish_one(&q, out, err);
}

static int sqlite_find_live(struct jobs_backend *b, struct db_tx *tx,
                            const char *key, const char *model,
                            struct job **out, struct error *err)
{
    struct db_query q;

    (void)b;
    db_query(tx, &q,
             "SELECT " COLUMNS "FROM jobs WHERE key = ? AND model = ?"
             " AND state < ? ORDER BY id LIMIT 1");
    db_bind_text(&q, key);
    db_bind_text(&q, model);
    db_bind_u64(&q, JOB_SUCCEEDED);
    return finish_one(&q, out, err);
}

static int sqlite_next(struct jobs_backend *b, struct db_tx *tx,
                       const struct job_pick *pick, struct job **out,
                       struct error *err)
{
    struct db_query q;

    (void)b;
    if (pick->id) {
        db_query(tx, &q,
                 "SELECT " COLUMNS "FROM jobs WHERE id = ? AND state = ?");
        db_bind_text(&q, pick->id);
        db_bind_u64(&q, JOB_QUEUED);
    } else if (pick->key) {
        db_query(tx, &q,
                 "SELECT " COLUMNS "FROM jobs WHERE key = ? AND state = ?"
                 " ORDER BY id LIMIT 1");
        db_bind_text(&q, pick->key);
        db_bind_u64(&q, JOB_QUEUED);
    } else {
        db_query(tx, &q,
                 "SELECT " COLUMNS "FROM jobs AS j WHERE state = ?"
                 " AND NOT EXISTS (SELECT 1 FROM jobs AS r"
                 "  WHERE r.key = j.key AND r.state > ? AND r.state < ?)"
                 " ORDER BY id LIMIT 1");
        db_bind_u64(&q, JOB_QUEUED);
        db_bind_u64(&q, JOB_QUEUED);
        db_bind_u64(&q, JOB_SUCCEEDED);
    }
    return finish_one(&q, out, err);
}

static int sqlite_expired(struct jobs_backend *b, struct db_tx *tx,
                          uint64_t time, struct job **out, struct error *err)
{
    struct db_query q;

    (void)b;
    db_query(tx, &q,
             "SELECT " COLUMNS "FROM jobs WHERE state > ? AND state < ?"
             " AND lease < ? ORDER BY id LIMIT 1");
    db_bind_u64(&q, JOB_QUEUED);
    db_bind_u64(&q, JOB_SUCCEEDED);
    db_bind_u64(&q, time);
    return finish_one(&q, out, err);
}

static int sqlite_ended(struct jobs_backend *b, struct db_tx *tx, uint64_t time,
                        struct job **out, struct error *err)
{
    struct db_query q;

    (void)b;
    db_query(tx, &q,
             "SELECT " COLUMNS "FROM jobs WHERE finished > 0 AND finished < ?"
             " ORDER BY finished LIMIT 1");
    db_bind_u64(&q, time);
    return finish_one(&q, out, err);
}

static int sqlite_insert(struct jobs_backend *b, struct db_tx *tx,
                         const struct job *job, struct error *err)
{
    struct db_query q;

    (void)b;
    db_query(tx, &q,
             "INSERT INTO jobs (id, state, model, key, request, created,"
             " version) VALUES (?, ?, ?, ?, ?, ?, ?)");
    db_bind_text(&q, job->id);
    db_bind_u64(&q, job->state);
    db_bind_text(&q, job->model);
    db_bind_text(&q, job->key);
    db_bind_text(&q, job->request);
    db_bind_u64(&q, job->created);
    db_bind_u64(&q, job->version);
    return db_run(&q, err);
}

static int sqlite_save(struct jobs_backend *b, struct db_tx *tx,
                       const struct job *job, struct error *err)
{
    struct db_query q;

    (void)b;
    db_query(tx, &q,
             "UPDATE jobs SET state = ?, version = ?, attempts = ?, token = ?,"
             " lease = ?, cancel = ?, started = ?, finished = ?, revision = ?,"
             " problem = ?, report = ? WHERE id = ?");
    db_bind_u64(&q, job->state);
    db_bind_u64(&q, job->version);
    db_bind_u64(&q, job->attempts);
    db_bind_u64(&q, job->token);
    db_bind_u64(&q, job->lease);
    db_bind_u64(&q, job->cancel);
    db_bind_u64(&q, job->started);
    db_bind_u64(&q, job->finished);
    db_bind_text(&q, job->revision);
    db_bind_text(&q, job->problem);
    db_bind_text(&q, job->report);
    db_bind_text(&q, job->id);
    return db_run(&q, err);
}

static int sqlite_remove(struct jobs_backend *b, struct db_tx *tx,
                         const char *id, struct error *err)
{
    struct db_query q;

    (void)b;
    db_query(tx, &q, "DELETE FROM jobs WHERE id = ?");
    db_bind_text(&q, id);
    return db_run(&q, err);
}

/* One statement for each way to filter, so that each walks an index. */
static void list_query(struct db_tx *tx, struct db_query *q,
                       const struct job_filter *f)
{
    if (f->model && f->state >= 0) {
        db_query(tx, q,
                 "SELECT " COLUMNS "FROM jobs WHERE model = ? AND state = ?"
                 " AND id < ? ORDER BY id DESC LIMIT ?");
        db_bind_text(q, f->model);
        db_bind_u64(q, (uint64_t)f->state);
    } else if (f->model) {
        db_query(tx, q,
                 "SELECT " COLUMNS "FROM jobs WHERE model = ?"
                 " AND id < ? ORDER BY id DESC LIMIT ?");
        db_bind_text(q, f->model);
    } else if (f->state >= 0) {
        db_query(tx, q,
                 "SELECT " COLUMNS "FROM jobs WHERE state = ?"
                 " AND id < ? ORDER BY id DESC LIMIT ?");
        db_bind_u64(q, (uint64_t)f->state);
    } else {
        db_query(tx, q,
                 "SELECT " COLUMNS "FROM jobs"
                 " WHERE id < ? ORDER BY id DESC LIMIT ?");
    }
}

static int sqlite_list(struct jobs_backend *b, struct db_tx *tx,
                       const struct job_filter *f, struct job_list *out,
                       struct error *err)
{
    struct db_query q;
    struct job *job;
    int rc = 0;
    int failed;

    (void)b;
    list_query(tx, &q, f);
    db_bind_text(&q, f->after ? f->after : "~"); /* after all ids */
    db_bind_u64(&q, f->limit);
    while (!rc && db_row(&q)) {
        rc = row_to_job(&q, &job, err);
        if (!rc)
            rc = jobs_list_add_steal(out, job, err);
    }
    failed = db_finish(&q, rc ? NULL : err);
    return rc ? rc : failed;
}

static int sqlite_count(struct jobs_backend *b, struct db_tx *tx,
                        uint64_t counts[JOB_STATES], struct error *err)
{
    struct db_query q;

    (void)b;
    db_query(tx, &q, "SELECT state, count(*) FROM jobs GROUP BY state");
    while (db_row(&q))
        if (db_u64(&q, 0) < JOB_STATES)
            counts[db_u64(&q, 0)] = db_u64(&q, 1);
    return db_finish(&q, err);
}

static int sqlite_add_event(struct jobs_backend *b, struct db_tx *tx,
                            const char *id, const struct job_event *e,
                            struct error *err)
{
    struct db_query q;

    (void)b;
    db_query(tx, &q,
             "INSERT INTO events (job, seq, time, state, attempt)"
             " VALUES (?, ?, ?, ?, ?)");
    db_bind_text(&q, id);
    db_bind_u64(&q, e->seq);
    db_bind_u64(&q, e->time);
    db_bind_u64(&q, e->state);
    db_bind_u64(&q, e->attempt);
    return db_run(&q, err);
}

static int sqlite_events(struct jobs_backend *b, struct db_tx *tx,
                         const char *id, uint64_t since, struct job_event *out,
                         size_t limit, size_t *n, struct error *err)
{
    struct db_query q;
    size_t count = 0;

    (void)b;
    db_query(tx, &q,
             "SELECT seq, time, state, attempt FROM events"
             " WHERE job = ? AND seq > ? ORDER BY seq LIMIT ?");
    db_bind_text(&q, id);
    db_bind_u64(&q, since > INT64_MAX ? INT64_MAX : since);
    db_bind_u64(&q, limit);
    while (count < limit && db_row(&q))
        out[count++] =
            (struct job_event){ .seq = db_u64(&q, 0),
                                .time = db_u64(&q, 1),
                                .state = (enum job_state)db_u64(&q, 2),
                                .attempt = (unsigned)db_u64(&q, 3) };
    *n = count;
    return db_finish(&q, err);
}

static int sqlite_add_idempotency(struct jobs_backend *b, struct db_tx *tx,
                                  const char *key, const char *fingerprint,
                                  const char *id, struct error *err)
{
    struct db_query q;

    (void)b;
    db_query(tx, &q,
             "INSERT INTO idempotency (key, fingerprint, job)"
             " VALUES (?, ?, ?)");
    db_bind_text(&q, key);
    db_bind_text(&q, fingerprint);
    db_bind_text(&q, id);
    return db_run(&q, err);
}

static int sqlite_find_idempotency(struct jobs_backend *b, struct db_tx *tx,
                                   const char *key, const char *fingerprint,
                                   struct job **out, bool *same,
                                   struct error *err)
{
    struct db_query q;

    db_query(tx, &q, "SELECT fingerprint = ? FROM idempotency WHERE key = ?");
    db_bind_text(&q, fingerprint);
    db_bind_text(&q, key);
    if (db_row(&q))
        *same = db_u64(&q, 0) != 0;
    (void)b;
    if (db_finish(&q, err))
        return (int)(err ? err->code : ERR_DATABASE);
    db_query(tx, &q,
             "SELECT " COLUMNS "FROM jobs WHERE id ="
             " (SELECT job FROM idempotency WHERE key = ?)");
    db_bind_text(&q, key);
    return finish_one(&q, out, err);
}

static void sqlite_free(struct jobs_backend *b)
{
    free(b);
}

static const struct jobs_backend_ops sqlite_ops = {
    .begin = sqlite_begin,
    .end = sqlite_end,
    .load = sqlite_load,
    .find_live = sqlite_find_live,
    .next = sqlite_next,
    .expired = sqlite_expired,
    .ended = sqlite_ended,
    .insert = sqlite_insert,
    .save = sqlite_save,
    .remove = sqlite_remove,
    .list = sqlite_list,
    .count = sqlite_count,
    .add_event = sqlite_add_event,
    .events = sqlite_events,
    .add_idempotency = sqlite_add_idempotency,
    .find_idempotency = sqlite_find_idempotency,
    .free = sqlite_free,
};

int jobs_open_sqlite(struct db *db, const struct jobs_config *config,
                     struct jobs **out, struct error *err)
{
    struct sqlite_jobs *s = calloc(1, sizeof *s);

    if (!s)
        return error_memory(err);
    s->base.ops = &sqlite_ops;
    s->db = db;
    return jobs_open_steal(&s->base, config, out, err);
}
