/*
 * Hashing a plan.
 *
 * Everything goes in as text with its length or its end, so that no two plans
 * give the same bytes. Of the weights there are only a few small arrays: two
 * checkpoints of one model that agree in those, and in all metadata, are taken
 * for the same.
 */
#include "fingerprint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES = 8, SAMPLE_MAX = 1 << 20, LINE_MAX_LEN = 512 };

static void add_line(struct sha256 *h, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add_line(struct sha256 *h, const char *format, ...)
{
    char text[LINE_MAX_LEN];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    sha256_add(h, text,
               n < 0                     ? 0
               : (size_t)n < sizeof text ? (size_t)n
                                         : sizeof text - 1);
    sha256_add(h, "\n", 1);
}

static void add_files(struct sha256 *h, const struct plan *p)
{
    for (size_t i = 0; i < p->file_count; i++) {
        const struct plan_file *f = &p->files[i];

        add_line(h, "file %llu %zu %s", (unsigned long long)f->size,
                 f->head.len, f->name);
        sha256_add(h, f->head.data, f->head.len);
    }
}

static void add_array(struct sha256 *h, const struct array *a)
{
    add_line(h, "array %s %s", dtype_info(a->dtype)->name, a->name);
    for (unsigned i = 0; i < a->rank; i++)
        add_line(h, "%llu/%llu", (unsigned long long)a->shape[i],
                 (unsigned long long)a->chunk[i]);
}

static bool is_used(const struct plan *p, size_t array)
{
    return p->array_first[array] != p->array_first[array + 1];
}

static void add_sources(struct sha256 *h, const struct plan *p)
{
    for (size_t i = 0; i < p->checkpoint->count; i++)
        if (is_used(p, i))
            add_array(h, p->checkpoint->arrays[i]);
    for (size_t i = 0; i < p->tensor_count; i++) {
        const struct plan_tensor *t = &p->tensors[i];

        add_line(h, "tensor %zu %lld %d %u %llu", t->model->array,
                 (long long)t->model->expert, t->model->transpose,
                 (unsigned)t->file, (unsigned long long)t->offset);
    }
}

static bool is_sample(const struct plan *p, size_t array)
{
    const struct array *a = p->checkpoint->arrays[array];

    return is_used(p, array) && array_chunks(a) == 1 &&
           array_chunk_bytes(a) <= SAMPLE_MAX;
}

/* The smallest arrays of one chunk, the first of equals first. */
static size_t find_samples(const struct plan *p, size_t samples[SAMPLES])
{
    struct array *const *arrays = p->checkpoint->arrays;
    size_t n = 0;
    size_t at;

    for (size_t i = 0; i < p->checkpoint->count; i++) {
        if (!is_sample(p, i))
            continue;
        for (at = n; at > 0 && array_bytes(arrays[i]) <
                                   array_bytes(arrays[samples[at - 1]]);
             at--)
            if (at < SAMPLES)
                samples[at] = samples[at - 1];
        if (at < SAMPLES)
            samples[at] = i;
        n += n < SAMPLES;
    }
    return n;
}

static int add_samples(struct sha256 *h, const struct plan *p,
                       struct error *err)
{
    size_t samples[SAMPLES];
    size_t n = find_samples(p, samples);
    struct scratch *s = NULL;
    const void *data = NULL;
    bool missing = false;
    int rc = scratch_new(&s, err);

    for (size_t i = 0; i < n && !rc; i++) {
        const struct array *a = p->checkpoint->arrays[samples[i]];

        rc =
            array_read_chunk(a, 0, ARRAY_MISSING_FILL, s, &data, &missing, err);
        if (!rc)
            sha256_add(h, data, (size_t)array_chunk_bytes(a));
    }
    scratch_free(s);
    return rc;
}

int fingerprint_plan(const struct plan *p, bool allow_missing_chunks,
                     bool sample, char out[SHA256_HEX + 1], struct error *err)
{
    struct sha256 *h = NULL;
    int rc = sha256_new(&h, err);

    if (rc)
        return rc;
    add_line(h, "switchyard %s %d", PACKAGE_VERSION, allow_missing_chunks);
    add_files(h, p);
    add_sources(h, p);
    rc = sample ? add_samples(h, p, err) : 0;
    if (rc) {
        sha256_free(h);
        return rc;
    }
    return sha256_finish(h, out, err);
}
