/*
 * The report, member by member.
 *
 * Several tensors may be made of one array (an expert is a slice of it), so
 * arrays have a list of their own, and tensors name what they come from. Names
 * of files that a user gave are told, their folders are not.
 */
#include "provenance.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "digest.h"
#include "print.h"
#include "remote/objects.h"
#include "workers.h"

enum { WINDOW = 1 << 20 };

typedef char sha256_text[SHA256_HEX + 1];

/* ---- digests of tensors ---- */

/* What the threads share that hash tensors. */
struct hashing {
    const struct plan *plan;
    const struct existing *model;
    sha256_text *digests;
    atomic_size_t next;
    atomic_bool failed;
    pthread_mutex_t lock; /* guards the error */
    struct error error;
};

static int hash_tensor(const struct hashing *h, size_t i, unsigned char *window,
                       struct error *err)
{
    const char *name = h->plan->tensors[i].model->name;
    const struct existing_tensor *t = existing_find(h->model, name);
    struct sha256 *hash = NULL;
    uint64_t bytes;
    int rc;

    if (!t)
        return error_set(err, ERR_INTERNAL, "%.200s was not written", name);
    bytes = t->tensor->end - t->tensor->begin;
    rc = sha256_new(&hash, err);
    for (uint64_t at = 0; !rc && at < bytes; at += WINDOW) {
        size_t n = (size_t)num_min(bytes - at, WINDOW);

        rc = existing_read(h->model, t, at, window, n, err);
        if (!rc)
            sha256_add(hash, window, n);
    }
    if (!rc)
        return sha256_finish(hash, h->digests[i], err);
    sha256_free(hash);
    return rc;
}

static void fail(struct hashing *h, const struct error *err)
{
    pthread_mutex_lock(&h->lock);
    if (!atomic_exchange(&h->failed, true))
        h->error = *err;
    pthread_mutex_unlock(&h->lock);
}

static void *hash_some(void *arg)
{
    struct hashing *h = arg;
    unsigned char *window = malloc(WINDOW);
    struct error err;
    size_t i;

    if (!window) {
        error_memory(&err);
        fail(h, &err);
        return NULL;
    }
    for (i = atomic_fetch_add(&h->next, 1);
         i < h->plan->tensor_count && !atomic_load(&h->failed);
         i = atomic_fetch_add(&h->next, 1))
        if (hash_tensor(h, i, window, &err))
            fail(h, &err);
    free(window);
    return NULL;
}

static int hash_tensors(const struct provenance *p, sha256_text **out,
                        struct error *err)
{
    struct hashing h = { .plan = p->conversion->plan, .model = p->written };
    int rc;

    h.digests = calloc(h.plan->tensor_count + 1, sizeof *h.digests);
    if (!h.digests)
        return error_memory(err);
    pthread_mutex_init(&h.lock, NULL);
    rc = workers_run(workers_count(p->threads), hash_some, &h, err);
    pthread_mutex_destroy(&h.lock);
    if (!rc && atomic_load(&h.failed)) {
        *err = h.error;
        rc = (int)err->code;
    }
    if (rc)
        free(h.digests);
    else
        *out = h.digests;
    return rc;
}

/* ---- members ---- */

/* One digest over all arrays: their names and digests, a line each. */
static int put_source_digest(struct json_writer *w, const struct checkpoint *c,
                             const struct digest *arrays, struct error *err)
{
    struct sha256 *hash = NULL;
    sha256_text text;
    int rc = sha256_new(&hash, err);

    if (rc)
        return rc;
    for (size_t i = 0; i < c->count; i++) {
        sha256_add(hash, arrays[i].sha256, SHA256_HEX);
        sha256_add(hash, "  ", 2);
        sha256_add(hash, c->arrays[i]->name, strlen(c->arrays[i]->name));
        sha256_add(hash, "\n", 1);
    }
    rc = sha256_finish(hash, text, err);
    if (!rc)
        json_key_str(w, "sha256", text);
    return rc;
}

static int put_source(struct json_writer *w, const struct checkpoint *c,
                      const struct digest *arrays, struct error *err)
{
    char version[OBJECTS_VERSION_MAX + 1];
    int rc = 0;

    json_key(w, "source");
    json_open(w, '{');
    print_origin(w, c);
    if (c->index && objects_version(c->store, c->index, version))
        json_key_str(w, "index_version", version);
    if (arrays)
        rc = put_source_digest(w, c, arrays, err);
    json_close(w, '}');
    return rc;
}

/* A gin file or config.json: its name, and what identifies its text. */
static int put_stated(struct json_writer *w, const char *key, const char *name,
                      const struct buf *text, struct error *err)
{
    struct sha256 *hash = NULL;
    sha256_text digest;
    int rc = 0;

    if (!name)
        return 0;
    rc = sha256_new(&hash, err);
    if (rc)
        return rc;
    sha256_add(hash, text->data ? (const void *)text->data : "", text->len);
    rc = sha256_finish(hash, digest, err);
    json_key(w, key);
    json_open(w, '{');
    json_key_str(w, "name", name);
    json_key_str(w, "sha256", digest);
    json_close(w, '}');
    return rc;
}

static int put_options(struct json_writer *w, const struct request *r,
                       struct error *err)
{
    int rc;

    json_key(w, "options");
    json_open(w, '{');
    json_key_str(w, "compat",
                 r->compat == MODEL_REFERENCE ? "reference" : "none");
    json_key_str(w, "dtype",
                 r->dtype == DTYPE_NONE ? "source"
                                        : dtype_info(r->dtype)->name);
    json_key_u64(w, "max_shard_size",
                 r->max_shard_size ? r->max_shard_size : PLAN_SHARD_SIZE);
    if (r->num_experts)
        json_key_u64(w, "num_experts", r->num_experts);
    json_key_bool(w, "allow_missing_chunks", conversion_allows_missing(r));
    json_key_bool(w, "verify", r->verify);
    rc = put_stated(w, "gin", r->gin_name, &r->gin, err);
    if (!rc)
        rc = put_stated(w, "config", r->config_name, &r->config, err);
    json_close(w, '}');
    return rc;
}

static void put_files(struct json_writer *w, const struct plan *p)
{
    json_key(w, "files");
    json_open(w, '[');
    for (size_t i = 0; i < p->file_count; i++) {
        json_open(w, '{');
        json_key_str(w, "name", p->files[i].name);
        json_key_u64(w, "bytes", p->files[i].size);
        json_close(w, '}');
    }
    json_close(w, ']');
}

static void put_arrays(struct json_writer *w, const struct checkpoint *c,
                       const struct digest *arrays)
{
    json_key(w, "arrays");
    json_open(w, '[');
    for (size_t i = 0; i < c->count; i++) {
        json_open(w, '{');
        print_array(w, c->arrays[i]);
        if (arrays)
            json_key_str(w, "sha256", arrays[i].sha256);
        json_close(w, '}');
    }
    json_close(w, ']');
}

static void put_tensors(struct json_writer *w, const struct conversion *c,
                        sha256_text *digests)
{
    json_key(w, "tensors");
    json_open(w, '[');
    for (size_t i = 0; i < c->plan->tensor_count; i++) {
        const struct plan_tensor *t = &c->plan->tensors[i];

        json_open(w, '{');
        json_key_str(w, "name", t->model->name);
        json_key_str(w, "dtype", dtype_info(t->dtype)->name);
        json_key_dims(w, "shape", t->model->shape, t->model->rank);
        json_key_str(w, "file", c->plan->files[t->file].name);
        json_key_str(w, "array", c->checkpoint->arrays[t->model->array]->name);
        if (t->model->expert >= 0)
            json_key_u64(w, "expert", (uint64_t)t->model->expert);
        json_key_bool(w, "transposed", t->model->transpose);
        if (digests)
            json_key_str(w, "sha256", digests[i]);
        json_close(w, '}');
    }
    json_close(w, ']');
}

static void put_warnings(struct json_writer *w, const struct conversion *c)
{
    json_key(w, "warnings");
    json_open(w, '[');
    for (size_t i = 0; i < c->checkpoint->warning_count; i++)
        json_str(w, c->checkpoint->warnings[i]);
    for (size_t i = 0; i < c->model->warning_count; i++)
        json_str(w, c->model->warnings[i]);
    json_close(w, ']');
}

static int write_all(const struct provenance *p, const struct digest *arrays,
                     sha256_text *tensors, struct buf *out, struct error *err)
{
    struct json_writer w = JSON_WRITER(out, JSON_STYLE_COMPACT);
    const struct conversion *c = p->conversion;
    int rc;

    json_open(&w, '{');
    json_key_str(&w, "program", PACKAGE_STRING);
    if (p->job)
        json_key_str(&w, "job", p->job);
    rc = put_source(&w, c->checkpoint, arrays, err);
    if (!rc)
        rc = put_options(&w, p->request, err);
    if (rc)
        return rc;
    put_files(&w, c->plan);
    put_arrays(&w, c->checkpoint, arrays);
    put_tensors(&w, c, tensors);
    json_key_u64(&w, "parameters", c->model->parameters);
    json_key_u64(&w, "overflowed", p->report->overflowed);
    json_key_u64(&w, "missing_chunks", p->report->missing_chunks);
    put_warnings(&w, c);
    json_close(&w, '}');
    return buf_status(out, err);
}

int provenance_write(const struct provenance *p, struct buf *out,
                     struct error *err)
{
    const struct digest_options o = {
        .threads = p->threads,
        .memory = p->memory,
        .allow_missing_chunks = conversion_allows_missing(p->request),
    };
    struct digest *arrays = NULL;
    sha256_text *tensors = NULL;
    int rc = 0;

    if (p->written) {
        rc = digest_arrays(p->conversion->checkpoint, &o, &arrays, err);
        if (!rc)
            rc = hash_tensors(p, &tensors, err);
    }
    if (!rc)
        rc = write_all(p, arrays, tensors, out, err);
    free(arrays);
    free(tensors);
    return rc;
}
