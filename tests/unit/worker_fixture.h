/*
 * A whole back end for a test: database, queue, models and workers, and the
 * sample checkpoint to convert.
 */
#ifndef SWITCHYARD_TESTS_WORKER_FIXTURE_H
#define SWITCHYARD_TESTS_WORKER_FIXTURE_H

#include "folder_fixture.h"

#include <dirent.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/json.h"
#include "jobs/worker.h"
#include "store/unpack.h"

static char folder[256];
static char source[300]; /* the unpacked sample */
static struct db *db;
static struct jobs *jobs;
static struct models *models;
static struct worker *worker;
static struct error err;

static atomic_uint resolves; /* calls of the hook */
static atomic_uint releases;
static atomic_uint stages[JOB_STATES];
static atomic_uint troubles;

static struct jobs_config jobs_config = { .max_attempts = 3 };
static struct models_config models_config;
static struct worker_config worker_config;

static inline void pause_ms(unsigned ms)
{
    const struct timespec t = { .tv_sec = ms / 1000,
                                .tv_nsec = (long)(ms % 1000) * 1000000 };

    nanosleep(&t, NULL);
}

/* A store that takes its time for each read. */
struct slow_store {
    struct store base;
    struct store *to;
    unsigned ms;
};

static inline int slow_size(struct store *s, const char *name, uint64_t *size,
                            struct error *e)
{
    return store_size(((struct slow_store *)s)->to, name, size, e);
}

static inline int slow_read(struct store *s, const char *name, uint64_t offset,
                            void *dst, size_t len, struct error *e)
{
    pause_ms(((struct slow_store *)s)->ms);
    return store_read(((struct slow_store *)s)->to, name, offset, dst, len, e);
}

static inline int slow_get(struct store *s, const char *name, uint64_t max,
                           struct buf *b, struct error *e)
{
    bool metadata = strstr(name, ".zarray") || !strchr(name, '/');

    pause_ms(metadata ? 0 : ((struct slow_store *)s)->ms);
    return store_get(((struct slow_store *)s)->to, name, max, b, e);
}

static inline int slow_list(struct store *s, const char *name,
                            store_entry_fn fn, void *ctx, struct error *e)
{
    return store_list(((struct slow_store *)s)->to, name, fn, ctx, e);
}

static inline void slow_free(struct store *s)
{
    store_free(((struct slow_store *)s)->to);
    free(s);
}

static const struct store_ops slow_ops = {
    .size = slow_size,
    .read = slow_read,
    .get = slow_get,
    .list = slow_list,
    .free = slow_free,
};

static inline struct store *slow_store(struct store *steal, unsigned ms)
{
    struct slow_store *s = calloc(1, sizeof *s);

    ck_assert_ptr_nonnull(s);
    s->base.ops = &slow_ops;
    s->base.label = strdup("slow");
    s->to = steal;
    s->ms = ms;
    return &s->base;
}

/* Sets an option of the conversion that the request may hold. */
static inline int resolve_option(const json_t *request, const char *name,
                                 struct worker_input *in, struct error *e)
{
    const char *value = json_string_value(json_object_get(request, name));
    bool known;

    return value ? request_set(&in->request, name, value, &known, e) : 0;
}

/*
 * The hook: {"checkpoint": PATH, "dtype": ..., "max_shard_size": ..., "slow":
 * MS for each read, "block": true to wait until cancelled}.
 */
static inline int resolve(void *ctx, const struct job *job,
                          const atomic_bool *cancel, struct worker_input *in,
                          struct error *e)
{
    json_t *request = NULL;
    const char *path;
    int rc = json_read(job->request, strlen(job->request), "request", ERR_USAGE,
                       &request, e);

    (void)ctx;
    atomic_fetch_add(&resolves, 1);
    if (rc)
        return rc;
    in->held = strdup("upload");
    path = json_string_value(json_object_get(request, "checkpoint"));
    rc = resolve_option(request, "dtype", in, e);
    if (!rc)
        rc = resolve_option(request, "max_shard_size", in, e);
    while (json_is_true(json_object_get(request, "block")) &&
           !atomic_load(cancel))
        pause_ms(5);
    if (!rc && atomic_load(cancel))
        rc = error_set(e, ERR_CANCELLED, "cancelled");
    if (!rc)
        rc = store_local_open(path, &in->store, e);
    if (!rc && json_object_get(request, "slow"))
        in->store = slow_store(
            in->store,
            (unsigned)json_integer_value(json_object_get(request, "slow")));
    json_decref(request);
    return rc;
}

static inline void release(void *ctx, void *held)
{
    (void)ctx;
    atomic_fetch_add(&releases, 1);
    free(held);
}

static inline void count_stage(void *ctx, enum job_state stage, double seconds)
{
    (void)ctx;
    if (seconds >= 0)
        atomic_fetch_add(&stages[stage], 1);
}

static inline void count_trouble(void *ctx, const char *job,
                                 const struct error *e)
{
    (void)ctx;
    (void)job;
    (void)e;
    atomic_fetch_add(&troubles, 1);
}

static inline void open_all(void)
{
    ck_ok(db_open(folder, &db, &err), &err);
    ck_ok(jobs_open_sqlite(db, &jobs_config, &jobs, &err), &err);
    ck_ok(models_open_sqlite(db, &models_config, &models, &err), &err);
}

static inline void start(void)
{
    worker_config.jobs = jobs;
    worker_config.models = models;
    worker_config.threads = 1;
    worker_config.hooks = (struct worker_hooks){ .resolve = resolve,
                                                 .release = release,
                                                 .stage = count_stage,
                                                 .trouble = count_trouble };
    ck_ok(worker_start(&worker_config, &worker, &err), &err);
}

static inline void close_all(unsigned grace_ms)
{
    if (worker)
        worker_stop(worker, grace_ms);
    worker_free(worker);
    models_close(models);
    jobs_close(jobs);
    db_close(db);
    worker = NULL;
    models = NULL;
    jobs = NULL;
    db = NULL;
}

static inline void unpack_sample(void)
{
    static const struct intake_limits limits = { .bytes = 1 << 30,
                                                 .entries = 100000,
                                                 .path = 4096 };
    const char *srcdir = getenv("srcdir");
    struct buf archive = BUF_INIT(16 << 20);
    struct intake *in;
    struct unpack *u;
    char path[512];

    snprintf(source, sizeof source, "%.200s/source", folder);
    ck_assert_int_eq(mkdir(source, 0700), 0);
    snprintf(path, sizeof path, "%s/tests/sample/switch-tiny.tar.gz",
             srcdir ? srcdir : ".");
    ck_ok(file_read(path, &archive, &err), &err);
    ck_ok(intake_open(source, &limits, &in, &err), &err);
    ck_ok(unpack_new(in, &u, &err), &err);
    ck_ok(unpack_feed(u, archive.data, archive.len, &err), &err);
    ck_ok(unpack_finish(u, &err), &err);
    unpack_free(u);
    intake_free(in);
    buf_done(&archive);
}

static inline void setup(void)
{
    folder_make(folder);
    unpack_sample();
    open_all();
}

static inline void teardown(void)
{
    close_all(0);
    folder_remove(folder);
}

/* Submits "{"checkpoint": the sample, ...more}"; id has room for an id. */
static inline bool submit(const char *model, const char *key, const char *more,
                          char *id)
{
    char request[600];
    struct job_submission s = { .model = model,
                                .request = request,
                                .key = key };
    struct job *job;
    bool created = false;

    snprintf(request, sizeof request, "{\"checkpoint\":\"%s\"%s}", source,
             more);
    ck_ok(worker ? worker_submit(worker, &s, &job, &created, &err)
                 : jobs_submit(jobs, &s, &job, &created, &err),
          &err);
    memcpy(id, job->id, sizeof job->id);
    job_unref(job);
    return created;
}

static inline struct job *get(const char *id)
{
    struct job *job;

    ck_ok(jobs_get(jobs, id, &job, NULL, &err), &err);
    return job;
}

/* Waits until the job is in the state, or has ended; a reference. */
static inline struct job *wait_for(const char *id, enum job_state state)
{
    struct job *job = get(id);

    while (job->state != state && !job_ended(job->state)) {
        uint64_t version = job->version;

        job_unref(job);
        ck_ok(jobs_wait(jobs, id, version, UINT64_MAX, 60000, &job, NULL, &err),
              &err);
        ck_assert_uint_gt(job->version, version);
    }
    return job;
}

/* Entries of a folder below models/. */
static inline unsigned entries(const char *below)
{
    char path[600];
    unsigned n = 0;
    const struct dirent *e;
    DIR *d;

    snprintf(path, sizeof path, "%s/models/%s", folder, below);
    d = opendir(path);
    ck_assert_ptr_nonnull(d);
    while ((e = readdir(d)) != NULL)
        n += e->d_name[0] != '.' || e->d_name[1] == 'm';
    closedir(d);
    return n;
}

#endif
