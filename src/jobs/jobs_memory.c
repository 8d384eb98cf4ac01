/*
 * Jobs in memory: the twin of jobs_sqlite.c for tests.
 *
 * Records stand in the order of their ids, which is the order they come in. One
 * mutex makes transactions; there is no undoing, which is enough since rules
 * are checked before anything is stored, and only memory can run out after.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/jobs_backend.h"

struct record {
    struct job *job;
    struct job_event *events;
    size_t event_count;
};

struct mark {
    char *key;
    char *fingerprint;
    char id[JOB_ID_LEN + 1];
};

struct memory_jobs {
    struct jobs_backend base;
    pthread_mutex_t mutex;
    struct record *records;
    size_t count;
    struct mark *marks; /* idempotency keys */
    size_t mark_count;
};

static struct memory_jobs *of(struct jobs_backend *b)
{
    return (struct memory_jobs *)b;
}

static int memory_begin(struct jobs_backend *b, enum db_mode mode,
                        struct db_tx **tx, struct error *err)
{
    (void)mode;
    (void)err;
    *tx = NULL;
    pthread_mutex_lock(&of(b)->mutex);
    return 0;
}

static int memory_end(struct jobs_backend *b, struct db_tx *tx, int rc,
                      struct error *err)
{
    (void)tx;
    (void)err;
    pthread_mutex_unlock(&of(b)->mutex);
    return rc;
}

static struct record *find(struct jobs_backend *b, const char *id)
{
    struct memory_jobs *m = of(b);

    for (size_t i = 0; i < m->count; i++)
        if (!strcmp(m->records[i].job->id, id))
            return &m->records[i];
    return NULL;
}

static int hand_out(const struct record *r, struct job **out, struct error *err)
{
    *out = r ? job_copy(r->job) : NULL;
    return r && !*out ? error_memory(err) : 0;
}

static int memory_load(struct jobs_backend *b, struct db_tx *tx, const char *id,
                       struct job **out, struct error *err)
{
    (void)tx;
    return hand_out(find(b, id), out, err);
}

static bool same_text(const char *a, const char *b)
{
    return a && b && !strcmp(a, b);
}

static int memory_find_live(struct jobs_backend *b, struct db_tx *tx,
                            const char *key, const char *model,
                            struct job **out, struct error *err)
{
    struct memory_jobs *m = of(b);

    (void)tx;
    for (size_t i = 0; i < m->count; i++) {
        const struct job *job = m->records[i].job;

        if (same_text(job->key, key) && same_text(job->model, model) &&
            !job_ended(job->state))
            return hand_out(&m->records[i], out, err);
    }
    return hand_out(NULL, out, err);
}

static bool key_runs(const struct memory_jobs *m, const char *key)
{
    for (size_t i = 0; i < m->count; i++)
        if (same_text(m->records[i].job->key, key) &&
            job_running(m->records[i].job->state))
            return true;
    return false;
}

static bool picked(const struct memory_jobs *m, const struct job_pick *pick,
                   const struct job *job)
{
    if (job->state != JOB_QUEUED)
        return false;
    if (pick->id)
        return !strcmp(pick->id, job->id);
    if (pick->key)
        return same_text(pick->key, job->key);
    return !key_runs(m, job->key);
}

static int memory_next(struct jobs_backend *b, struct db_tx *tx,
                       const struct job_pick *pick, struct job **out,
                       struct error *err)
{
    struct memory_jobs *m = of(b);

    (void)tx;
    for (size_t i = 0; i < m->count; i++)
        if (picked(m, pick, m->records[i].job))
            return hand_out(&m->records[i], out, err);
    return hand_out(NULL, out, err);
}

static int memory_expired(struct jobs_backend *b, struct db_tx *tx,
                          uint64_t time, struct job **out, struct error *err)
{
    struct memory_jobs *m = of(b);

    (void)tx;
    for (size_t i = 0; i < m->count; i++) {
        const struct job *job = m->records[i].job;

        if (job_running(job->state) && job->lease < time)
            return hand_out(&m->records[i], out, err);
    }
    return hand_out(NULL, out, err);
}

static int memory_ended(struct jobs_backend *b, struct db_tx *tx, uint64_t time,
                        struct job **out, struct error *err)
{
    struct memory_jobs *m = of(b);

    (void)tx;
    for (size_t i = 0; i < m->count; i++) {
        const struct job *job = m->records[i].job;

        if (job_ended(job->state) && job->finished < time)
            return hand_out(&m->records[i], out, err);
    }
    return hand_out(NULL, out, err);
}

static int memory_insert(struct jobs_backend *b, struct db_tx *tx,
                         const struct job *job, struct error *err)
{
    struct memory_jobs *m = of(b);
    struct job *copy = job_copy(job);
    struct record *records =
        realloc(m->records, (m->count + 1) * sizeof *records);

    (void)tx;
    if (records)
        m->records = records;
    if (!records || !copy) {
        job_unref(copy);
        return error_memory(err);
    }
    records[m->count++] = (struct record){ .job = copy };
    return 0;
}

static int memory_save(struct jobs_backend *b, struct db_tx *tx,
                       const struct job *job, struct error *err)
{
    struct record *r = find(b, job->id);
    struct job *copy = r ? job_copy(job) : NULL;

    (void)tx;
    if (!r)
        return 0;
    if (!copy)
        return error_memory(err);
    job_unref(r->job);
    r->job = copy;
    return 0;
}

static int memory_remove(struct jobs_backend *b, struct db_tx *tx,
                         const char *id, struct error *err)
{
    struct memory_jobs *m = of(b);
    struct record *r = find(b, id);

    (void)tx;
    (void)err;
    if (!r)
        return 0;
    for (size_t i = m->mark_count; i-- > 0;) {
        if (strcmp(m->marks[i].id, id) != 0)
            continue;
        free(m->marks[i].key);
        free(m->marks[i].fingerprint);
        m->marks[i] = m->marks[--m->mark_count];
    }
    job_unref(r->job);
    free(r->events);
    memmove(r, r + 1, (size_t)(m->records + m->count - (r + 1)) * sizeof *r);
    m->count--;
    return 0;
}

static bool listed(const struct job_filter *f, const struct job *job)
{
    return (f->state < 0 || (int)job->state == f->state) &&
           (!f->model || same_text(job->model, f->model)) &&
           (!f->after || strcmp(job->id, f->after) < 0);
}

static int memory_list(struct jobs_backend *b, struct db_tx *tx,
                       const struct job_filter *f, struct job_list *out,
                       struct error *err)
{
    struct memory_jobs *m = of(b);
    int rc = 0;

    (void)tx;
    for (size_t i = m->count; !rc && i-- > 0 && out->count < f->limit;)
        if (listed(f, m->records[i].job))
            rc = jobs_list_add_steal(out, job_copy(m->records[i].job), err);
    return rc;
}

static int memory_count(struct jobs_backend *b, struct db_tx *tx,
                        uint64_t counts[JOB_STATES], struct error *err)
{
    (void)tx;
    (void)err;
    for (size_t i = 0; i < of(b)->count; i++)
        counts[of(b)->records[i].job->state]++;
    return 0;
}

static int memory_add_event(struct jobs_backend *b, struct db_tx *tx,
                            const char *id, const struct job_event *e,
                            struct error *err)
{
    struct record *r = find(b, id);
    struct job_event *events;

    (void)tx;
    if (!r)
        return 0;
    events = realloc(r->events, (r->event_count + 1) * sizeof *events);
    if (!events)
        return error_memory(err);
    r->events = events;
    events[r->event_count++] = *e;
    return 0;
}

static int memory_events(struct jobs_backend *b, struct db_tx *tx,
                         const char *id, uint64_t since, struct job_event *out,
                         size_t limit, size_t *n, struct error *err)
{
    const struct record *r = find(b, id);
    size_t count = 0;

    (void)tx;
    (void)err;
    for (size_t i = 0; r && i < r->event_count && count < limit; i++)
        if (r->events[i].seq > since)
            out[count++] = r->events[i];
    *n = count;
    return 0;
}

static int memory_add_idempotency(struct jobs_backend *b, struct db_tx *tx,
                                  const char *key, const char *fingerprint,
                                  const char *id, struct error *err)
{
    struct memory_jobs *m = of(b);
    struct mark mark = { .key = strdup(key),
                         .fingerprint = strdup(fingerprint) };
    struct mark *marks = realloc(m->marks, (m->mark_count + 1) * sizeof *marks);

    (void)tx;
    if (marks)
        m->marks = marks;
    if (!marks || !mark.key || !mark.fingerprint) {
        free(mark.key);
        free(mark.fingerprint);
        return error_memory(err);
    }
    memcpy(mark.id, id, strlen(id) + 1);
    marks[m->mark_count++] = mark;
    return 0;
}

static int memory_find_idempotency(struct jobs_backend *b, struct db_tx *tx,
                                   const char *key, const char *fingerprint,
                                   struct job **out, bool *same,
                                   struct error *err)
{
    struct memory_jobs *m = of(b);

    (void)tx;
    for (size_t i = 0; i < m->mark_count; i++) {
        if (strcmp(m->marks[i].key, key) != 0)
            continue;
        *same = !strcmp(m->marks[i].fingerprint, fingerprint);
        return hand_out(find(b, m->marks[i].id), out, err);
    }
    return hand_out(NULL, out, err);
}

static void memory_free(struct jobs_backend *b)
{
    struct memory_jobs *m = of(b);

    for (size_t i = 0; i < m->count; i++) {
        job_unref(m->records[i].job);
        free(m->records[i].events);
    }
    for (size_t i = 0; i < m->mark_count; i++) {
        free(m->marks[i].key);
        free(m->marks[i].fingerprint);
    }
    pthread_mutex_destroy(&m->mutex);
    free(m->records);
    free(m->marks);
    free(m);
}

static const struct jobs_backend_ops memory_ops = {
    .begin = memory_begin,
    .end = memory_end,
    .load = memory_load,
    .find_live = memory_find_live,
    .next = memory_next,
    .expired = memory_expired,
    .ended = memory_ended,
    .insert = memory_insert,
    .save = memory_save,
    .remove = memory_remove,
    .list = memory_list,
    .count = memory_count,
    .add_event = memory_add_event,
    .events = memory_events,
    .add_idempotency = memory_add_idempotency,
    .find_idempotency = memory_find_idempotency,
    .free = memory_free,
};

int jobs_open_memory(const struct jobs_config *config, struct jobs **out,
                     struct error *err)
{
    struct memory_jobs *m = calloc(1, sizeof *m);

    if (!m)
        return error_memory(err);
    m->base.ops = &memory_ops;
    pthread_mutex_init(&m->mutex, NULL);
    return jobs_open_steal(&m->base, config, out, err);
}
