/*
 * Counting tensors as they become complete.
 *
 * A tensor is written in pieces, by several threads, in any order; each byte
 * once. So the bytes that it still waits for are a counter, and who brings it
 * to zero has completed the tensor.
 */
#include "jobs/tally.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"

struct tally {
    struct sink base;
    struct sink *to;
    const struct plan *plan;
    _Atomic uint64_t *missing; /* bytes, for each tensor of the plan */
    _Atomic uint64_t done;
};

struct tally_file {
    struct sink_file base;
    struct sink_file *to;
    const struct plan_file *plan; /* NULL: a file that the plan has not */
};

static struct tally *of(struct sink *s)
{
    return (struct tally *)s;
}

static int tally_require(struct sink *s, uint64_t total, struct error *err)
{
    return sink_require(of(s)->to, total, err);
}

static int tally_create(struct sink *s, const char *name, uint64_t size,
                        struct sink_file **out, struct error *err)
{
    const struct plan *p = of(s)->plan;
    struct tally_file *f = calloc(1, sizeof *f);
    int rc;

    if (!f)
        return error_memory(err);
    rc = sink_create(of(s)->to, name, size, &f->to, err);
    if (rc) {
        free(f);
        return rc;
    }
    for (size_t i = 0; i < p->file_count && !f->plan; i++)
        if (!strcmp(p->files[i].name, name))
            f->plan = &p->files[i];
    *out = &f->base;
    return 0;
}

static int count(void *ctx, size_t tensor, uint64_t in_tensor, uint64_t in_span,
                 uint64_t len, struct error *err)
{
    struct tally *c = ctx;

    (void)in_tensor;
    (void)in_span;
    (void)err;
    if (atomic_fetch_sub(&c->missing[tensor], len) == len)
        atomic_fetch_add(&c->done, 1);
    return 0;
}

static int tally_write(struct sink_file *file, uint64_t offset,
                       const void *data, size_t len, struct error *err)
{
    struct tally_file *f = (struct tally_file *)file;
    int rc = sink_write(f->to, offset, data, len, err);

    if (!rc && f->plan)
        rc = plan_each_piece(of(file->sink)->plan, f->plan, offset, len, count,
                             of(file->sink), err);
    return rc;
}

static int tally_close(struct sink_file *file, struct error *err)
{
    int rc = sink_close(((struct tally_file *)file)->to, err);

    free(file);
    return rc;
}

/* The inner file is still open in its sink, which drops it. */
static void tally_drop(struct sink_file *file)
{
    free(file);
}

static int tally_reread(struct sink *s, struct store **out, struct error *err)
{
    return sink_reread(of(s)->to, out, err);
}

static int tally_publish(struct sink *s, struct error *err)
{
    return sink_publish(of(s)->to, err);
}

static void tally_free(struct sink *s)
{
    sink_free(of(s)->to);
    free(of(s)->missing);
    free(s);
}

static const struct sink_ops tally_ops = {
    .require = tally_require,
    .create = tally_create,
    .write = tally_write,
    .close = tally_close,
    .drop = tally_drop,
    .reread = tally_reread,
    .publish = tally_publish,
    .free = tally_free,
};

int tally_open_steal(struct sink *to, const struct plan *p, struct sink **out,
                     struct error *err)
{
    struct tally *c = calloc(1, sizeof *c);

    if (!c) {
        sink_free(to);
        return error_memory(err);
    }
    c->base.ops = &tally_ops;
    c->to = to;
    c->plan = p;
    c->missing = calloc(p->tensor_count + 1, sizeof *c->missing);
    if (!c->missing) {
        tally_free(&c->base);
        return error_memory(err);
    }
    for (size_t i = 0; i < p->tensor_count; i++) {
        atomic_init(&c->missing[i], p->tensors[i].bytes);
        if (p->tensors[i].bytes == 0)
            atomic_fetch_add(&c->done, 1);
    }
    *out = &c->base;
    return 0;
}

uint64_t tally_done(const struct sink *s)
{
    return atomic_load(&((const struct tally *)s)->done);
}
