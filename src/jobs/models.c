/*
 * Opening the stored models, and reading them.
 *
 * What the catalogue refers to is on the disk, since files get there before
 * the transaction that names them; what is on the disk and not in the catalogue
 * is rubbish, swept when the models are opened. A few models that were looked
 * at lately are kept, all of them until the next change.
 */
#include "jobs/models.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "jobs/models_impl.h"
#include "uploads/folder.h"

enum { PATH_LIMIT = 8192 };

static uint64_t system_clock(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- opening ---- */

/* Whether an entry of a folder has to go. */
typedef int (*doomed_fn)(struct models *m, const char *name, bool *doomed,
                         struct error *err);

static int everything(struct models *m, const char *name, bool *doomed,
                      struct error *err)
{
    (void)m;
    (void)name;
    (void)err;
    *doomed = true;
    return 0;
}

static int unknown_blob(struct models *m, const char *name, bool *doomed,
                        struct error *err)
{
    struct models_backend *b = m->backend;
    struct db_tx *tx;
    bool known = false;
    int rc = b->ops->begin(b, DB_READ, &tx, err);

    if (rc)
        return rc;
    rc = b->ops->end(b, tx, b->ops->has_blob(b, tx, name, &known, err), err);
    *doomed = !known;
    return rc;
}

static int clean(struct models *m, int folder, doomed_fn fn, struct error *err)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    bool doomed = false;
    int rc = 0;

    if (!dir) {
        rc = error_errno(err, ERR_WRITE, errno, "cannot list stored models");
        if (fd >= 0)
            close(fd);
        return rc;
    }
    while (!rc && (entry = readdir(dir)) != NULL) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        rc = fn(m, entry->d_name, &doomed, err);
        if (!rc && doomed)
            rc = folder_remove(folder, entry->d_name, err);
    }
    closedir(dir);
    return rc;
}

static int open_folders(struct models *m, const char *folder, struct error *err)
{
    struct buf path = BUF_INIT(PATH_LIMIT);
    int models = -1;
    int rc;

    buf_printf(&path, "%s/models", folder);
    rc = buf_str(&path) ? folder_open(AT_FDCWD, buf_str(&path), &models, err)
                        : buf_status(&path, err);
    if (!rc)
        rc = folder_open(models, "blobs", &m->blobs, err);
    if (!rc)
        rc = folder_open(models, "staging", &m->staging, err);
    if (!rc && fsync(models) != 0)
        rc = folder_fail(errno, err, "cannot make a folder durable");
    if (models >= 0)
        close(models);
    buf_puts(&path, "/staging");
    m->staging_path = buf_take_str(&path);
    return rc || m->staging_path ? rc : error_memory(err);
}

static int load_total(struct models *m, struct error *err)
{
    struct models_backend *b = m->backend;
    struct db_tx *tx;
    int rc = b->ops->begin(b, DB_READ, &tx, err);

    if (rc)
        return rc;
    return b->ops->end(b, tx, b->ops->total(b, tx, &m->stored, err), err);
}

int models_open_steal(struct models_backend *backend, const char *folder,
                      const struct models_config *config, struct models **out,
                      struct error *err)
{
    struct models *m = calloc(1, sizeof *m);
    int rc;

    if (!m) {
        backend->ops->free(backend);
        return error_memory(err);
    }
    m->backend = backend;
    m->config = *config;
    if (!m->config.clock)
        m->config.clock = system_clock;
    m->blobs = -1;
    m->staging = -1;
    pthread_mutex_init(&m->storing, NULL);
    pthread_mutex_init(&m->mutex, NULL);
    rc = open_folders(m, folder, err);
    if (!rc)
        rc = clean(m, m->staging, everything, err);
    if (!rc)
        rc = clean(m, m->blobs, unknown_blob, err);
    if (!rc)
        rc = load_total(m, err);
    if (rc)
        models_close(m);
    else
        *out = m;
    return rc;
}

void models_close(struct models *m)
{
    if (!m)
        return;
    models_changed(m);
    if (m->blobs >= 0)
        close(m->blobs);
    if (m->staging >= 0)
        close(m->staging);
    free(m->staging_path);
    m->backend->ops->free(m->backend);
    pthread_mutex_destroy(&m->storing);
    pthread_mutex_destroy(&m->mutex);
    free(m);
}

uint64_t models_bytes(struct models *m)
{
    uint64_t bytes;

    pthread_mutex_lock(&m->mutex);
    bytes = m->stored + m->reserved;
    pthread_mutex_unlock(&m->mutex);
    return bytes;
}

/* ---- the cache ---- */

void models_changed(struct models *m)
{
    pthread_mutex_lock(&m->mutex);
    m->generation++;
    for (size_t i = 0; i < MODELS_CACHE; i++) {
        free(m->cache[i].asked);
        stored_unref(m->cache[i].model);
        m->cache[i] = (struct models_cached){ NULL, NULL };
    }
    pthread_mutex_unlock(&m->mutex);
}

static struct models_cached *slot_of(struct models *m, const char *asked)
{
    uint32_t hash = 2166136261u;

    for (; *asked; asked++)
        hash = (hash ^ (unsigned char)*asked) * 16777619u;
    return &m->cache[(hash ^ hash >> 16) % MODELS_CACHE];
}

/* A reference to a cached model, or NULL and the generation as it is. */
static struct stored_model *cached(struct models *m, const char *asked,
                                   uint64_t *generation)
{
    struct stored_model *model = NULL;
    const struct models_cached *c;

    pthread_mutex_lock(&m->mutex);
    c = slot_of(m, asked);
    if (c->asked && !strcmp(c->asked, asked))
        model = stored_ref(c->model);
    *generation = m->generation;
    pthread_mutex_unlock(&m->mutex);
    return model;
}

/* Keeps a model that was read at generation, unless it may be outdated. */
static void keep(struct models *m, const char *asked, uint64_t generation,
                 struct stored_model *model)
{
    char *copy = strdup(asked);
    struct models_cached *c;

    if (!copy)
        return;
    pthread_mutex_lock(&m->mutex);
    if (m->generation == generation) {
        c = slot_of(m, asked);
        free(c->asked);
        stored_unref(c->model);
        c->asked = copy;
        c->model = stored_ref(model);
        copy = NULL;
    }
    pthread_mutex_unlock(&m->mutex);
    free(copy);
}

/* ---- reading ---- */

static int no_model(const char *name, const char *revision, struct error *err)
{
    error_set(err, ERR_NOT_FOUND, "there is no model %.100s%s%.64s", name,
              revision ? " of revision " : "", revision ? revision : "");
    return error_subject(err, "%.100s", name);
}

int models_get(struct models *m, const char *name, const char *revision,
               struct stored_model **out, struct error *err)
{
    struct models_backend *b = m->backend;
    struct stored_model *model;
    struct db_tx *tx;
    uint64_t generation;
    char asked[STORED_NAME_MAX + STORED_REVISION_LEN + 8];
    int rc;

    if (revision && !strcmp(revision, "main"))
        revision = NULL;
    if (strlen(name) > STORED_NAME_MAX ||
        (revision && !stored_is_revision(revision)))
        return no_model(name, revision, err);
    snprintf(asked, sizeof asked, "%s@%s", name, revision ? revision : "main");
    model = cached(m, asked, &generation);
    if (!model) {
        rc = b->ops->begin(b, DB_READ, &tx, err);
        if (rc)
            return rc;
        rc = b->ops->get(b, tx, name, revision, &model, err);
        rc = b->ops->end(b, tx, rc, err);
        if (rc) {
            stored_unref(model);
            return rc;
        }
        if (!model)
            return no_model(name, revision, err);
        keep(m, asked, generation, model);
    }
    *out = model;
    return 0;
}

int models_open_file(struct models *m, const struct stored_file *file, int *fd,
                     struct error *err)
{
    int opened = openat(m->blobs, file->sha256, O_RDONLY | O_CLOEXEC);

    if (opened < 0) {
        error_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_READ, errno,
                    "cannot open the stored file %.200s", file->name);
        return error_subject(err, "%.200s", file->name);
    }
    *fd = opened;
    return 0;
}

int models_list(struct models *m, const char *owner, const char *after,
                size_t limit, struct stored_list *out, struct error *err)
{
    struct models_backend *b = m->backend;
    struct stored_list l = { NULL, 0 };
    struct db_tx *tx;
    int rc = b->ops->begin(b, DB_READ, &tx, err);

    if (rc)
        return rc;
    rc = b->ops->list(b, tx, owner, after, limit, &l, err);
    rc = b->ops->end(b, tx, rc, err);
    if (rc)
        stored_list_done(&l);
    else
        *out = l;
    return rc;
}

int models_revisions(struct models *m, const char *name,
                     struct stored_list *out, struct error *err)
{
    struct models_backend *b = m->backend;
    struct stored_list l = { NULL, 0 };
    struct db_tx *tx;
    int rc = b->ops->begin(b, DB_READ, &tx, err);

    if (rc)
        return rc;
    rc = b->ops->end(b, tx, b->ops->revisions(b, tx, name, &l, err), err);
    if (!rc && l.count == 0)
        rc = no_model(name, NULL, err);
    if (rc)
        stored_list_done(&l);
    else
        *out = l;
    return rc;
}

int models_find_result(struct models *m, const char *key,
                       char revision[STORED_REVISION_LEN + 1],
                       struct error *err)
{
    struct models_backend *b = m->backend;
    struct db_tx *tx;
    int rc = b->ops->begin(b, DB_READ, &tx, err);

    if (rc)
        return rc;
    revision[0] = '\0';
    rc = b->ops->end(b, tx, b->ops->result(b, tx, key, revision, err), err);
    if (!rc && !*revision)
        rc = error_set(err, ERR_NOT_FOUND, "no result has the key %.64s", key);
    return rc;
}
