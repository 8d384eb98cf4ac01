/*
 * The catalogue of models in memory: the twin of models_sqlite.c for tests.
 *
 * Revisions and names are short arrays, searched from front to end. As in
 * jobs_memory.c, nothing is undone.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/models_backend.h"

/* A name of a revision. */
struct tag {
    char name[STORED_NAME_MAX + 1];
    char revision[STORED_REVISION_LEN + 1];
    uint64_t published;
    uint64_t number; /* the highest one is main */
};

struct result {
    char *key;
    char revision[STORED_REVISION_LEN + 1];
};

struct memory_models {
    struct models_backend base;
    pthread_mutex_t mutex;
    struct stored_list revisions; /* their names mean nothing */
    struct tag *tags;
    size_t tag_count;
    struct result *results;
    size_t result_count;
};

static struct memory_models *of(struct models_backend *b)
{
    return (struct memory_models *)b;
}

static int memory_begin(struct models_backend *b, enum db_mode mode,
                        struct db_tx **tx, struct error *err)
{
    (void)mode;
    (void)err;
    *tx = NULL;
    pthread_mutex_lock(&of(b)->mutex);
    return 0;
}

static int memory_end(struct models_backend *b, struct db_tx *tx, int rc,
                      struct error *err)
{
    (void)tx;
    (void)err;
    pthread_mutex_unlock(&of(b)->mutex);
    return rc;
}

static const struct stored_model *find_revision(const struct memory_models *m,
                                                const char *revision)
{
    for (size_t i = 0; i < m->revisions.count; i++)
        if (!strcmp(m->revisions.items[i]->revision, revision))
            return m->revisions.items[i];
    return NULL;
}

/* The tag of a name, with revision NULL its main one. */
static struct tag *find_tag(const struct memory_models *m, const char *name,
                            const char *revision)
{
    struct tag *best = NULL;

    for (size_t i = 0; i < m->tag_count; i++) {
        struct tag *t = &m->tags[i];

        if (strcmp(t->name, name) != 0 ||
            (revision && strcmp(t->revision, revision) != 0))
            continue;
        if (!best || t->number > best->number)
            best = t;
    }
    return best;
}

/* A new model of what a tag names, NULL for lack of memory. */
static struct stored_model *model_of(const struct memory_models *m,
                                     const struct tag *t, bool with_files)
{
    const struct stored_model *r = find_revision(m, t->revision);
    struct stored_model *model = stored_new();
    int rc = r && model ? 0 : ERR_MEMORY;

    if (!rc) {
        memcpy(model->name, t->name, sizeof t->name);
        memcpy(model->revision, t->revision, sizeof t->revision);
        model->published = t->published;
        model->bytes = r->bytes;
        if (with_files && r->provenance) {
            model->provenance = strdup(r->provenance);
            rc = model->provenance ? 0 : ERR_MEMORY;
        }
        for (size_t i = 0; !rc && with_files && i < r->file_count; i++)
            rc = stored_add(model, r->files[i].name, r->files[i].size,
                            r->files[i].sha256, NULL);
    }
    if (rc) {
        stored_unref(model);
        return NULL;
    }
    return model;
}

static int memory_get(struct models_backend *b, struct db_tx *tx,
                      const char *name, const char *revision,
                      struct stored_model **out, struct error *err)
{
    const struct tag *t = find_tag(of(b), name, revision);

    (void)tx;
    *out = t ? model_of(of(b), t, true) : NULL;
    return t && !*out ? error_memory(err) : 0;
}

static int memory_result(struct models_backend *b, struct db_tx *tx,
                         const char *key,
                         char revision[STORED_REVISION_LEN + 1],
                         struct error *err)
{
    const struct memory_models *m = of(b);

    (void)tx;
    (void)err;
    for (size_t i = 0; i < m->result_count; i++)
        if (!strcmp(m->results[i].key, key))
            memcpy(revision, m->results[i].revision, STORED_REVISION_LEN + 1);
    return 0;
}

static int tags_by_name(const void *a, const void *b)
{
    return strcmp((*(const struct tag *const *)a)->name,
                  (*(const struct tag *const *)b)->name);
}

static int tags_by_number(const void *a, const void *b)
{
    const struct tag *const *x = a;
    const struct tag *const *y = b;

    return ((*x)->number < (*y)->number) - ((*x)->number > (*y)->number);
}

/* Turns the first limit tags into models, in order; frees tags. */
static int take_tags(const struct memory_models *m, const struct tag **tags,
                     size_t count, size_t limit,
                     int (*order)(const void *, const void *),
                     struct stored_list *out, struct error *err)
{
    int rc = 0;

    qsort(tags, count, sizeof *tags, order);
    for (size_t i = 0; !rc && i < count && i < limit; i++)
        rc = stored_list_add_steal(out, model_of(m, tags[i], false), err);
    free(tags);
    return rc;
}

static int memory_list(struct models_backend *b, struct db_tx *tx,
                       const char *owner, const char *after, size_t limit,
                       struct stored_list *out, struct error *err)
{
    const struct memory_models *m = of(b);
    const struct tag **tags = calloc(m->tag_count + 1, sizeof *tags);
    size_t skip = owner ? strlen(owner) : 0;
    size_t count = 0;

    (void)tx;
    if (!tags)
        return error_memory(err);
    for (size_t i = 0; i < m->tag_count; i++) {
        const struct tag *t = &m->tags[i];

        if ((!owner ||
             (!strncmp(t->name, owner, skip) && t->name[skip] == '/')) &&
            (!after || strcmp(t->name, after) > 0) &&
            find_tag(m, t->name, NULL) == t)
            tags[count++] = t;
    }
    return take_tags(m, tags, count, limit, tags_by_name, out, err);
}

static int memory_revisions(struct models_backend *b, struct db_tx *tx,
                            const char *name, struct stored_list *out,
                            struct error *err)
{
    const struct memory_models *m = of(b);
    const struct tag **tags = calloc(m->tag_count + 1, sizeof *tags);
    size_t count = 0;

    (void)tx;
    if (!tags)
        return error_memory(err);
    for (size_t i = 0; i < m->tag_count; i++)
        if (!strcmp(m->tags[i].name, name))
            tags[count++] = &m->tags[i];
    return take_tags(m, tags, count, count, tags_by_number, out, err);
}

static bool refers(const struct stored_model *model, const char *sha256)
{
    for (size_t i = 0; i < model->file_count; i++)
        if (!strcmp(model->files[i].sha256, sha256))
            return true;
    return false;
}

static bool has_blob(const struct memory_models *m, const char *sha256)
{
    for (size_t i = 0; i < m->revisions.count; i++)
        if (refers(m->revisions.items[i], sha256))
            return true;
    return false;
}

static int memory_has_blob(struct models_backend *b, struct db_tx *tx,
                           const char *sha256, bool *out, struct error *err)
{
    (void)tx;
    (void)err;
    *out = has_blob(of(b), sha256);
    return 0;
}

/* It is only asked for when the catalogue is opened, empty. */
static int memory_total(struct models_backend *b, struct db_tx *tx,
                        uint64_t *bytes, struct error *err)
{
    (void)b;
    (void)tx;
    (void)err;
    *bytes = 0;
    return 0;
}

static int memory_add(struct models_backend *b, struct db_tx *tx,
                      const struct stored_model *model, struct error *err)
{
    struct memory_models *m = of(b);
    struct stored_model *copy;
    int rc = 0;

    (void)tx;
    if (find_revision(m, model->revision))
        return 0;
    copy = stored_new();
    if (!copy)
        return error_memory(err);
    memcpy(copy->revision, model->revision, sizeof copy->revision);
    copy->bytes = model->bytes;
    if (model->provenance) {
        copy->provenance = strdup(model->provenance);
        if (!copy->provenance)
            rc = error_memory(err);
    }
    for (size_t i = 0; !rc && i < model->file_count; i++)
        rc = stored_add(copy, model->files[i].name, model->files[i].size,
                        model->files[i].sha256, err);
    if (!rc)
        return stored_list_add_steal(&m->revisions, copy, err);
    stored_unref(copy);
    return rc;
}

static int memory_link(struct models_backend *b, struct db_tx *tx,
                       const char *name, const char *revision, uint64_t now,
                       struct error *err)
{
    struct memory_models *m = of(b);
    const struct tag *main_tag = find_tag(m, name, NULL);
    struct tag *t = find_tag(m, name, revision);
    uint64_t number = main_tag ? main_tag->number + 1 : 1;
    struct tag *tags;

    (void)tx;
    if (t && t == main_tag)
        return 0;
    if (!t) {
        tags = realloc(m->tags, (m->tag_count + 1) * sizeof *tags);
        if (!tags)
            return error_memory(err);
        m->tags = tags;
        t = &tags[m->tag_count++];
        snprintf(t->name, sizeof t->name, "%s", name);
        snprintf(t->revision, sizeof t->revision, "%s", revision);
    }
    t->published = now;
    t->number = number;
    return 0;
}

static int memory_set_result(struct models_backend *b, struct db_tx *tx,
                             const char *key, const char *revision,
                             struct error *err)
{
    struct memory_models *m = of(b);
    struct result *r = NULL;
    struct result *results;

    (void)tx;
    for (size_t i = 0; i < m->result_count; i++)
        if (!strcmp(m->results[i].key, key))
            r = &m->results[i];
    if (!r) {
        results = realloc(m->results, (m->result_count + 1) * sizeof *results);
        if (!results)
            return error_memory(err);
        m->results = results;
        r = &results[m->result_count];
        r->key = strdup(key);
        if (!r->key)
            return error_memory(err);
        m->result_count++;
    }
    snprintf(r->revision, sizeof r->revision, "%s", revision);
    return 0;
}

static int memory_unlink(struct models_backend *b, struct db_tx *tx,
                         const char *name, const char *revision, bool *found,
                         struct error *err)
{
    struct memory_models *m = of(b);
    size_t kept = 0;

    (void)tx;
    (void)err;
    for (size_t i = 0; i < m->tag_count; i++) {
        const struct tag *t = &m->tags[i];

        if (strcmp(t->name, name) != 0 ||
            (revision && strcmp(t->revision, revision) != 0))
            m->tags[kept++] = *t;
    }
    *found = kept < m->tag_count;
    m->tag_count = kept;
    return 0;
}

static bool tagged(const struct memory_models *m, const char *revision)
{
    for (size_t i = 0; i < m->tag_count; i++)
        if (!strcmp(m->tags[i].revision, revision))
            return true;
    return false;
}

static void drop_results(struct memory_models *m, const char *revision)
{
    size_t kept = 0;

    for (size_t i = 0; i < m->result_count; i++) {
        if (strcmp(m->results[i].revision, revision) != 0)
            m->results[kept++] = m->results[i];
        else
            free(m->results[i].key);
    }
    m->result_count = kept;
}

/* Tells the blobs of a revision that is gone which nothing else refers to. */
static int tell_blobs(const struct memory_models *m,
                      const struct stored_model *gone, models_blob_fn fn,
                      void *ctx, struct error *err)
{
    struct stored_model before = *gone; /* the files before one of them */
    int rc = 0;

    for (size_t i = 0; !rc && i < gone->file_count; i++) {
        const struct stored_file *f = &gone->files[i];

        before.file_count = i;
        if (!has_blob(m, f->sha256) && !refers(&before, f->sha256))
            rc = fn(ctx, f->sha256, f->size, err);
    }
    return rc;
}

static int memory_sweep(struct models_backend *b, struct db_tx *tx,
                        models_blob_fn fn, void *ctx, struct error *err)
{
    struct memory_models *m = of(b);
    struct stored_list *l = &m->revisions;
    struct stored_model *gone;
    int rc = 0;

    (void)tx;
    for (size_t i = 0; !rc && i < l->count;) {
        gone = l->items[i];
        if (tagged(m, gone->revision)) {
            i++;
            continue;
        }
        drop_results(m, gone->revision);
        memmove(&l->items[i], &l->items[i + 1],
                (--l->count - i) * sizeof *l->items);
        rc = tell_blobs(m, gone, fn, ctx, err);
        stored_unref(gone);
    }
    return rc;
}

static void memory_free(struct models_backend *b)
{
    struct memory_models *m = of(b);

    stored_list_done(&m->revisions);
    for (size_t i = 0; i < m->result_count; i++)
        free(m->results[i].key);
    pthread_mutex_destroy(&m->mutex);
    free(m->results);
    free(m->tags);
    free(m);
}

static const struct models_backend_ops memory_ops = {
    .begin = memory_begin,
    .end = memory_end,
    .get = memory_get,
    .result = memory_result,
    .list = memory_list,
    .revisions = memory_revisions,
    .has_blob = memory_has_blob,
    .total = memory_total,
    .add = memory_add,
    .link = memory_link,
    .set_result = memory_set_result,
    .unlink = memory_unlink,
    .sweep = memory_sweep,
    .free = memory_free,
};

int models_open_memory(const char *folder, const struct models_config *config,
                       struct models **out, struct error *err)
{
    struct memory_models *m = calloc(1, sizeof *m);

    if (!m)
        return error_memory(err);
    m->base.ops = &memory_ops;
    pthread_mutex_init(&m->mutex, NULL);
    return models_open_steal(&m->base, folder, config, out, err);
}
