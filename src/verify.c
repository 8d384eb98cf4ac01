/*
 * Verifying.
 *
 * A sink that compares: what a conversion would write into a file at an offset
 * belongs to a tensor at some place, and the model is asked for the same place
 * of the tensor of that name. So everything that a conversion does is done, and
 * no file need look the same: shards, order and heads may be others.
 */
#include "verify.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "verify_compare.h"

enum { WINDOW = 1 << 20 }; /* bytes of the model that are read at once */

struct comparing {
    struct sink base;
    struct verify_report *report;
    pthread_mutex_t lock; /* guards what tensors say of differences */
};

struct comparing_file {
    struct sink_file base;
    const struct plan_file *plan;
};

/* A span that is to be compared. */
struct span {
    struct comparing *sink;
    const unsigned char *data;
};

static int comparing_create(struct sink *s, const char *name, uint64_t size,
                            struct sink_file **out, struct error *err)
{
    const struct plan *p = ((struct comparing *)s)->report->plan;
    struct comparing_file *f = calloc(1, sizeof *f);

    (void)size;
    if (!f)
        return error_memory(err);
    for (size_t i = 0; i < p->file_count && !f->plan; i++)
        if (!strcmp(p->files[i].name, name))
            f->plan = &p->files[i];
    *out = &f->base;
    return 0;
}

static void take(struct comparing *c, struct verify_tensor *t,
                 const struct difference *d)
{
    if (!d->elements)
        return;
    pthread_mutex_lock(&c->lock);
    t->verdict = VERIFY_DIFFERENT;
    t->different += d->elements;
    t->has_nan = t->has_nan || d->has_nan;
    if (d->largest > t->largest)
        t->largest = d->largest;
    pthread_mutex_unlock(&c->lock);
}

static int compare_piece(void *ctx, size_t tensor, uint64_t in_tensor,
                         uint64_t in_span, uint64_t len, struct error *err)
{
    const struct span *span = ctx;
    const struct verify_report *r = span->sink->report;
    struct verify_tensor *t = &r->tensors[tensor];
    enum dtype dtype = r->plan->tensors[tensor].dtype;
    size_t size = dtype_info(dtype)->size;
    struct difference d = { .elements = 0 };
    unsigned char *theirs;
    int rc = 0;

    if (!t->found || t->other_form)
        return 0;
    theirs = malloc((size_t)num_min(len, WINDOW));
    if (!theirs)
        return error_memory(err);
    for (uint64_t at = 0; !rc && at < len; at += WINDOW) {
        size_t n = (size_t)num_min(len - at, WINDOW);

        rc = existing_read(r->model, t->found, in_tensor + at, theirs, n, err);
        if (!rc)
            verify_compare(dtype, span->data + in_span + at, theirs, n / size,
                           &d);
    }
    free(theirs);
    if (!rc)
        take(span->sink, t, &d);
    return rc;
}

static int comparing_write(struct sink_file *file, uint64_t offset,
                           const void *data, size_t len, struct error *err)
{
    struct comparing_file *f = (struct comparing_file *)file;
    struct span span = { (struct comparing *)file->sink, data };

    if (!f->plan)
        return 0;
    return plan_each_piece(span.sink->report->plan, f->plan, offset, len,
                           compare_piece, &span, err);
}

static int comparing_close(struct sink_file *file, struct error *err)
{
    (void)err;
    free(file);
    return 0;
}

static void comparing_drop(struct sink_file *file)
{
    free(file);
}

/* Nothing is kept. */
static int comparing_reread(struct sink *s, struct store **out,
                            struct error *err)
{
    (void)s;
    return store_memory_new(out, err);
}

static int comparing_publish(struct sink *s, struct error *err)
{
    (void)s;
    (void)err;
    return 0;
}

static void comparing_free(struct sink *s)
{
    pthread_mutex_destroy(&((struct comparing *)s)->lock);
}

static const struct sink_ops comparing_ops = {
    .create = comparing_create,
    .write = comparing_write,
    .close = comparing_close,
    .drop = comparing_drop,
    .reread = comparing_reread,
    .publish = comparing_publish,
    .free = comparing_free,
};

static bool has_form(const struct plan_tensor *t,
                     const struct safetensors_tensor *found)
{
    return t->dtype == found->dtype && t->model->rank == found->rank &&
           !memcmp(t->model->shape, found->shape,
                   found->rank * sizeof *found->shape);
}

/* Finds each tensor in the model, before a byte is read. */
static void match(struct verify_report *r)
{
    for (size_t i = 0; i < r->plan->tensor_count; i++) {
        const struct plan_tensor *t = &r->plan->tensors[i];
        struct verify_tensor *v = &r->tensors[i];

        v->found = existing_find(r->model, t->model->name);
        if (!v->found) {
            v->verdict = VERIFY_MISSING;
        } else if (!has_form(t, v->found->tensor)) {
            v->other_form = true;
            v->verdict = VERIFY_DIFFERENT;
        }
    }
}

static int by_address(const void *a, const void *b)
{
    const struct existing_tensor *const *x = a;
    const struct existing_tensor *const *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* Those of the model that no tensor of the plan was matched with. */
static int find_extra(struct verify_report *r, struct error *err)
{
    size_t planned = r->plan->tensor_count;
    const struct existing_tensor **used =
        calloc(planned + 1, sizeof(struct existing_tensor *));
    size_t n = 0;
    size_t next = 0;

    r->extra = calloc(r->model->count + 1, sizeof(struct existing_tensor *));
    if (!used || !r->extra) {
        free(used);
        return error_memory(err);
    }
    for (size_t i = 0; i < planned; i++)
        if (r->tensors[i].found)
            used[n++] = r->tensors[i].found;
    if (n > 0)
        qsort(used, n, sizeof *used, by_address);
    for (size_t i = 0; i < r->model->count; i++) {
        const struct existing_tensor *t = &r->model->tensors[i];

        if (next < n && used[next] == t)
            next++;
        else
            r->extra[r->extra_count++] = t;
    }
    free(used);
    return 0;
}

static void conclude(struct verify_report *r)
{
    for (size_t i = 0; i < r->plan->tensor_count; i++)
        r->counts[r->tensors[i].verdict]++;
    r->equal =
        r->counts[VERIFY_EQUAL] == r->plan->tensor_count && r->extra_count == 0;
}

int verify_run(const struct plan *p, const struct existing *m,
               const struct convert_options *o, struct verify_report **out,
               struct error *err)
{
    struct verify_report *r = calloc(1, sizeof *r);
    struct comparing c = { .base.ops = &comparing_ops, .report = r };
    struct convert_report ran;
    int rc = 0;

    if (!r)
        return error_memory(err);
    r->plan = p;
    r->model = m;
    r->tensors = calloc(p->tensor_count + 1, sizeof *r->tensors);
    if (!r->tensors)
        rc = error_memory(err);
    if (!rc) {
        match(r);
        rc = find_extra(r, err);
    }
    pthread_mutex_init(&c.lock, NULL);
    if (!rc)
        rc = convert_run(p, &c.base, o, &ran, err);
    sink_free(&c.base);
    if (rc) {
        verify_report_free(r);
        return rc;
    }
    conclude(r);
    *out = r;
    return 0;
}

void verify_report_free(struct verify_report *r)
{
    if (!r)
        return;
    free(r->tensors);
    free(r->extra);
    free(r);
}

int verify_check(const struct verify_report *r, struct error *err)
{
    const char *name = NULL;

    if (r->equal)
        return 0;
    for (size_t i = 0; i < r->plan->tensor_count && !name; i++)
        if (r->tensors[i].verdict != VERIFY_EQUAL)
            name = r->plan->tensors[i].model->name;
    if (!name)
        name = r->extra[0]->tensor->name;
    error_set(err, ERR_DIFFERENT,
              "the model is not what the checkpoint gives: %zu tensors equal, "
              "%zu different, %zu missing, %zu extra",
              r->counts[VERIFY_EQUAL], r->counts[VERIFY_DIFFERENT],
              r->counts[VERIFY_MISSING], r->extra_count);
    return error_subject(err, "%s", name);
}
