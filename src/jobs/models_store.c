/*
 * Publishing and deleting models.
 *
 * To publish: the files are durable already (the sink has synced them); they
 * are hashed, then moved into the folder of blobs, which is synced, and then
 * one transaction makes them a model. Whatever happens in between leaves blobs
 * that nothing refers to. Those are swept at the next start, since nobody can
 * tell them from blobs of a publication that is under way: one mutex is held
 * from the first move to the end of the transaction, and by whoever deletes.
 *
 * A failed sync is final: the attempt is given up, and its files with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jobs/models_impl.h"
#include "uploads/folder.h"

/* ---- stages ---- */

static int reserve(struct models *m, uint64_t bytes, struct error *err)
{
    uint64_t quota = m->config.quota;
    uint64_t other =
        m->config.other_bytes ? m->config.other_bytes(m->config.ctx) : 0;
    uint64_t used;
    int rc = 0;

    pthread_mutex_lock(&m->mutex);
    used = other + m->stored + m->reserved;
    if (quota && (used > quota || bytes > quota - used)) {
        error_set(err, ERR_QUOTA, "the storage quota is used up");
        error_expected(err, "at most %llu bytes", (unsigned long long)quota);
        error_actual(err, "%llu bytes, and %llu more", (unsigned long long)used,
                     (unsigned long long)bytes);
        rc = error_hint(err, "delete models or uploads");
    } else {
        m->reserved += bytes;
    }
    pthread_mutex_unlock(&m->mutex);
    return rc;
}

static void release(struct models *m, uint64_t bytes)
{
    pthread_mutex_lock(&m->mutex);
    m->reserved -= bytes;
    pthread_mutex_unlock(&m->mutex);
}

int models_stage(struct models *m, const char *label, uint64_t bytes,
                 struct models_stage **out, struct error *err)
{
    size_t len = strlen(m->staging_path) + strlen(label) + sizeof "//model";
    struct models_stage *s = calloc(1, sizeof *s);
    int fd = -1;
    int rc;

    if (!s)
        return error_memory(err);
    rc = reserve(m, bytes, err);
    if (rc) {
        free(s);
        return rc;
    }
    s->models = m;
    s->bytes = bytes;
    s->label = strdup(label);
    s->path = malloc(len);
    if (!s->label || !s->path) {
        models_stage_free(s);
        return error_memory(err);
    }
    snprintf(s->path, len, "%s/%s/model", m->staging_path, label);
    rc = folder_open(m->staging, label, &fd, err);
    if (rc) {
        models_stage_free(s);
        return rc;
    }
    close(fd);
    *out = s;
    return 0;
}

const char *models_stage_path(const struct models_stage *s)
{
    return s->path;
}

void models_stage_free(struct models_stage *s)
{
    if (!s)
        return;
    if (s->label)
        folder_remove(s->models->staging, s->label, NULL);
    release(s->models, s->bytes);
    free(s->label);
    free(s->path);
    free(s);
}

/* ---- publishing ---- */

/* Blobs that came with a publication, to be taken back if it fails. */
struct moved {
    bool *fresh; /* for each file of the model */
    uint64_t bytes;
};

/* Whether an earlier file of the model has the same content. */
static bool repeated(const struct stored_model *model, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (!strcmp(model->files[k].sha256, model->files[i].sha256))
            return true;
    return false;
}

static int is_known(struct models *m, const char *sha256, bool *known,
                    struct error *err)
{
    struct models_backend *b = m->backend;
    struct db_tx *tx;
    int rc = b->ops->begin(b, DB_READ, &tx, err);

    if (rc)
        return rc;
    return b->ops->end(b, tx, b->ops->has_blob(b, tx, sha256, known, err), err);
}

/* With storing held: moves in what is not there yet, and makes it durable. */
static int move_blobs(struct models *m, int folder,
                      const struct stored_model *model, struct moved *moved,
                      struct error *err)
{
    bool any = false;

    for (size_t i = 0; i < model->file_count; i++) {
        const struct stored_file *f = &model->files[i];
        bool known = false;
        int rc = is_known(m, f->sha256, &known, err);

        if (rc)
            return rc;
        if (known || repeated(model, i))
            continue;
        /* A blob that an attempt left behind is replaced by the same. */
        if (renameat(folder, f->name, m->blobs, f->sha256) != 0)
            return folder_fail(errno, err, "cannot store %.200s", f->name);
        moved->fresh[i] = true;
        moved->bytes += f->size;
        any = true;
    }
    if (any && fsync(m->blobs) != 0)
        return folder_fail(errno, err, "cannot make stored files durable");
    return 0;
}

static void take_back(struct models *m, const struct stored_model *model,
                      const struct moved *moved)
{
    for (size_t i = 0; i < model->file_count; i++)
        if (moved->fresh[i])
            unlinkat(m->blobs, model->files[i].sha256, 0);
}

static int commit(struct models *m, const struct models_publication *p,
                  const struct stored_model *model, struct error *err)
{
    struct models_backend *b = m->backend;
    struct db_tx *tx;
    int rc = b->ops->begin(b, DB_WRITE, &tx, err);

    if (rc)
        return rc;
    rc = b->ops->add(b, tx, model, err);
    if (!rc)
        rc = b->ops->link(b, tx, p->name, model->revision, model->published,
                          err);
    if (!rc && p->key)
        rc = b->ops->set_result(b, tx, p->key, model->revision, err);
    return b->ops->end(b, tx, rc, err);
}

/* Stores a model that is hashed and sealed. */
static int store(struct models *m, int folder,
                 const struct models_publication *p,
                 const struct stored_model *model, struct error *err)
{
    struct moved moved = { .fresh = calloc(model->file_count + 1, 1) };
    int rc;

    if (!moved.fresh)
        return error_memory(err);
    pthread_mutex_lock(&m->storing);
    rc = move_blobs(m, folder, model, &moved, err);
    if (!rc)
        rc = commit(m, p, model, err);
    if (rc) {
        take_back(m, model, &moved);
    } else {
        pthread_mutex_lock(&m->mutex);
        m->stored += moved.bytes;
        pthread_mutex_unlock(&m->mutex);
        models_changed(m);
    }
    pthread_mutex_unlock(&m->storing);
    free(moved.fresh);
    return rc;
}

int models_publish(struct models *m, struct models_stage *s,
                   const struct models_publication *p,
                   struct stored_model **out, struct error *err)
{
    struct stored_model *model = stored_new();
    int folder = -1;
    int rc = model ? stored_check_name(p->name, err) : error_memory(err);

    if (!rc) {
        folder = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder < 0)
            rc = error_errno(err, ERR_WRITE, errno, "cannot open %.300s",
                             s->path);
    }
    if (!rc)
        rc = models_hash_folder(folder, p, model, err);
    if (!rc && p->provenance) {
        model->provenance = strdup(p->provenance);
        if (!model->provenance)
            rc = error_memory(err);
    }
    if (!rc) {
        snprintf(model->name, sizeof model->name, "%s", p->name);
        model->published = m->config.clock();
        rc = store(m, folder, p, model, err);
    }
    if (folder >= 0)
        close(folder);
    if (rc)
        stored_unref(model);
    else
        *out = model;
    return rc;
}

int models_link(struct models *m, const char *name, const char *key,
                struct stored_model **out, struct error *err)
{
    struct models_backend *b = m->backend;
    char revision[STORED_REVISION_LEN + 1] = "";
    struct db_tx *tx;
    int rc = stored_check_name(name, err);

    if (rc)
        return rc;
    rc = b->ops->begin(b, DB_WRITE, &tx, err);
    if (rc)
        return rc;
    rc = b->ops->result(b, tx, key, revision, err);
    if (!rc && !*revision)
        rc = error_set(err, ERR_NOT_FOUND, "no result has the key %.64s", key);
    if (!rc)
        rc = b->ops->link(b, tx, name, revision, m->config.clock(), err);
    rc = b->ops->end(b, tx, rc, err);
    if (rc)
        return rc;
    models_changed(m);
    return models_get(m, name, revision, out, err);
}

/* ---- deleting ---- */

/* Blobs that the catalogue has dropped, and that the disk has to follow. */
struct dropped {
    char (*names)[SHA256_HEX + 1];
    size_t count;
    uint64_t bytes;
};

static int note_dropped(void *ctx, const char *sha256, uint64_t size,
                        struct error *err)
{
    struct dropped *d = ctx;
    void *names;

    if ((d->count & (d->count + 1)) == 0) {
        names = realloc(d->names, (2 * d->count + 1) * sizeof *d->names);
        if (!names)
            return error_memory(err);
        d->names = names;
    }
    snprintf(d->names[d->count++], sizeof *d->names, "%s", sha256);
    d->bytes += size;
    return 0;
}

static int drop_rows(struct models *m, const char *name, const char *revision,
                     struct dropped *d, struct error *err)
{
    struct models_backend *b = m->backend;
    struct db_tx *tx;
    bool found = false;
    int rc = b->ops->begin(b, DB_WRITE, &tx, err);

    if (rc)
        return rc;
    rc = b->ops->unlink(b, tx, name, revision, &found, err);
    if (!rc && !found) {
        error_set(err, ERR_NOT_FOUND, "there is no model %.100s", name);
        rc = error_subject(err, "%.100s", name);
    }
    if (!rc)
        rc = b->ops->sweep(b, tx, note_dropped, d, err);
    return b->ops->end(b, tx, rc, err);
}

int models_delete(struct models *m, const char *name, const char *revision,
                  struct error *err)
{
    struct dropped d = { NULL, 0, 0 };
    int rc;

    pthread_mutex_lock(&m->storing);
    rc = drop_rows(m, name, revision, &d, err);
    if (!rc) {
        models_changed(m);
        /* What a crash or a failure leaves here goes at the next start. */
        for (size_t i = 0; i < d.count; i++)
            unlinkat(m->blobs, d.names[i], 0);
        pthread_mutex_lock(&m->mutex);
        m->stored -= d.bytes;
        pthread_mutex_unlock(&m->mutex);
    }
    pthread_mutex_unlock(&m->storing);
    free(d.names);
    return rc;
}
