/*
 * Running a plan.
 *
 * convert_run() reads top to bottom: cut the arrays into tasks, make the files
 * and write their heads, let the workers do the tasks, close the files. A
 * worker takes the next task and memory for it, and does it (convert_task.c).
 *
 * The first error wins and stops the others within a band or a chunk.
 */
#include "convert.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "convert_task.h"
#include "workers.h"

/* The part of the memory, one of so many, that a sink may write behind in. */
enum { SINK_SHARE = 4 };

static void fail(struct run *r, const struct error *err)
{
    pthread_mutex_lock(&r->lock);
    if (!atomic_load(&r->failed))
        r->error = *err;
    atomic_store(&r->failed, true);
    pthread_mutex_unlock(&r->lock);
    workspaces_stop(r->workspaces);
}

int convert_check_stop(const struct run *r, struct error *err)
{
    const struct convert_progress *progress = r->options->progress;

    if (atomic_load(&r->failed) || (progress && atomic_load(&progress->cancel)))
        return error_set(err, ERR_CANCELLED, "the conversion was cancelled");
    return 0;
}

static int run_task(struct run *r, uint64_t number, struct error *err)
{
    const struct task task = schedule_task(&r->schedule, number);
    struct workspace *ws = NULL;
    int rc = workspaces_take(r->workspaces, task.work->need, &ws, err);

    if (rc)
        return rc;
    if (!ws)
        return error_set(err, ERR_CANCELLED, "the conversion was cancelled");
    rc = convert_task(r, &task, ws, err);
    workspaces_give(r->workspaces, ws);
    return rc;
}

static void *work(void *arg)
{
    struct run *r = arg;
    struct error err;
    uint64_t number;
    int rc = 0;

    while (!rc) {
        number = atomic_fetch_add(&r->next, 1);
        if (number >= r->schedule.tasks)
            return NULL;
        rc = convert_check_stop(r, &err);
        if (!rc)
            rc = run_task(r, number, &err);
    }
    fail(r, &err);
    return NULL;
}

static int run_workers(struct run *r, unsigned threads, struct error *err)
{
    threads = (unsigned)num_min(threads, num_max(1, r->schedule.tasks));
    if (workers_run(threads, work, r, err))
        return ERR_MEMORY;
    if (!atomic_load(&r->failed))
        return 0;
    if (err)
        *err = r->error;
    return (int)r->error.code;
}

/* All of them before any work, so that a full disk is found at once. */
static int create_files(struct run *r, struct sink *s, struct error *err)
{
    const struct plan *p = r->plan;
    int rc = sink_require(s, p->bytes, err);

    for (size_t i = 0; i < p->file_count && !rc; i++)
        rc = sink_create(s, p->files[i].name, p->files[i].size, &r->files[i],
                         err);
    for (size_t i = 0; i < p->file_count && !rc; i++)
        rc = sink_write(r->files[i], 0, p->files[i].head.data,
                        p->files[i].head.len, err);
    return rc;
}

static int close_files(struct run *r, struct error *err)
{
    int rc = 0;

    for (size_t i = 0; i < r->plan->file_count && !rc; i++)
        rc = sink_close(r->files[i], err);
    return rc;
}

static void write_report(const struct run *r, struct convert_report *report)
{
    report->overflowed = atomic_load(&r->overflowed);
    report->missing_chunks = atomic_load(&r->missing);
    report->overflow_tensor[0] = '\0';
    if (r->overflow != SIZE_MAX)
        snprintf(report->overflow_tensor, sizeof report->overflow_tensor, "%s",
                 r->plan->tensors[r->overflow].model->name);
}

static int check_chunks(const struct plan *p, uint64_t memory,
                        struct error *err)
{
    const struct checkpoint *c = p->checkpoint;
    int rc = 0;

    for (size_t i = 0; i < c->count && !rc; i++)
        if (p->array_first[i] != p->array_first[i + 1])
            rc = workspaces_check(c->arrays[i], memory, err);
    return rc;
}

/*
 * What the sink may write behind in: its share, but nothing of what the largest
 * chunk needs.
 */
static uint64_t sink_share(const struct plan *p, uint64_t memory)
{
    const struct checkpoint *c = p->checkpoint;
    uint64_t largest = 0;

    for (size_t i = 0; i < c->count; i++)
        if (p->array_first[i] != p->array_first[i + 1])
            largest = num_max(largest, 2 * array_chunk_bytes(c->arrays[i]) +
                                           SCHEDULE_BAND);
    return num_min(memory / SINK_SHARE, memory - num_min(memory, largest));
}

int convert_run(const struct plan *p, struct sink *s,
                const struct convert_options *o, struct convert_report *report,
                struct error *err)
{
    struct run r = { .plan = p, .options = o, .overflow = SIZE_MAX };
    uint64_t memory = o->memory ? o->memory : WORKSPACES_BUDGET;
    unsigned threads = workers_count(o->threads);
    int rc;

    if (pthread_mutex_init(&r.lock, NULL) != 0)
        return error_memory(err);
    r.files = calloc(p->file_count + 1, sizeof *r.files);
    rc = check_chunks(p, memory, err);
    memory -= sink_buffer(s, sink_share(p, memory), threads);
    if (!rc)
        rc = convert_ahead_start(&r, &memory, err);
    if (rc)
        goto out;
    rc = r.files ? schedule_make(p, memory / threads, &r.schedule, err)
                 : error_memory(err);
    if (rc)
        goto out;
    if (o->progress) {
        atomic_fetch_add(&o->progress->bytes_total, r.schedule.bytes);
        atomic_fetch_add(&o->progress->chunks_total, r.schedule.chunks);
    }
    rc = workspaces_new(memory, &r.workspaces, err);
    if (!rc)
        rc = create_files(&r, s, err);
    if (!rc)
        rc = run_workers(&r, threads, err);
    if (!rc)
        rc = close_files(&r, err);
    if (!rc && report)
        write_report(&r, report);
out:
    convert_ahead_stop(&r);
    workspaces_free(r.workspaces);
    schedule_done(&r.schedule);
    free(r.files);
    pthread_mutex_destroy(&r.lock);
    return rc;
}
