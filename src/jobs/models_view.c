/*
 * Stored models, read by name. Descriptors are opened at once, so a view is
 * whole or not there.
 */
#include "jobs/models_view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"

struct viewed {
    char *name;
    uint64_t size;
    int fd;
};

struct view {
    struct store base;
    struct viewed *files;
    size_t count;
};

static const struct viewed *find(const struct store *s, const char *name,
                                 struct error *err)
{
    const struct view *v = (const struct view *)s;

    for (size_t i = 0; i < v->count; i++)
        if (!strcmp(v->files[i].name, name))
            return &v->files[i];
    error_set(err, ERR_NOT_FOUND, "%.100s has no file %.200s", s->label, name);
    error_subject(err, "%s", name);
    return NULL;
}

static int view_size(struct store *s, const char *name, uint64_t *size,
                     struct error *err)
{
    const struct viewed *f = find(s, name, err);

    if (!f)
        return ERR_NOT_FOUND;
    *size = f->size;
    return 0;
}

static int view_read(struct store *s, const char *name, uint64_t offset,
                     void *dst, size_t len, struct error *err)
{
    const struct viewed *f = find(s, name, err);
    unsigned char *p = dst;

    if (!f)
        return ERR_NOT_FOUND;
    while (len > 0) {
        ssize_t n = pread(f->fd, p, len, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(err, ERR_READ, errno, "cannot read %.200s",
                               name);
        if (n == 0)
            return error_set(err, ERR_READ, "%.200s ends early", name);
        p += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

static int view_get(struct store *s, const char *name, uint64_t max,
                    struct buf *b, struct error *err)
{
    const struct viewed *f = find(s, name, err);
    unsigned char block[16384];
    int rc = 0;

    if (!f)
        return ERR_NOT_FOUND;
    if (f->size > max) {
        error_set(err, ERR_LIMIT, "%.200s is too large", name);
        return error_expected(err, "at most %llu bytes",
                              (unsigned long long)max);
    }
    buf_clear(b);
    for (uint64_t at = 0; !rc && at < f->size; at += sizeof block) {
        size_t n = (size_t)num_min(f->size - at, sizeof block);

        rc = view_read(s, name, at, block, n, err);
        if (!rc)
            buf_append(b, block, n);
    }
    return rc ? rc : buf_status(b, err);
}

static int view_list(struct store *s, const char *folder, store_entry_fn fn,
                     void *ctx, struct error *err)
{
    const struct view *v = (const struct view *)s;
    int rc = 0;

    if (*folder)
        return error_set(err, ERR_NOT_FOUND, "%.100s has no folder %.200s",
                         s->label, folder);
    for (size_t i = 0; !rc && i < v->count; i++)
        rc = fn(ctx, v->files[i].name, false, err);
    return rc;
}

static void view_free(struct store *s)
{
    struct view *v = (struct view *)s;

    for (size_t i = 0; i < v->count; i++) {
        close(v->files[i].fd);
        free(v->files[i].name);
    }
    free(v->files);
    free(v);
}

static const struct store_ops view_ops = {
    .size = view_size,
    .read = view_read,
    .get = view_get,
    .list = view_list,
    .free = view_free,
};

static int add(struct view *v, struct models *m, const struct stored_file *file,
               struct error *err)
{
    struct viewed f = { .size = file->size, .fd = -1 };
    int rc = models_open_file(m, file, &f.fd, err);

    if (rc)
        return rc;
    f.name = strdup(file->name);
    if (!f.name) {
        close(f.fd);
        return error_memory(err);
    }
    v->files[v->count++] = f;
    return 0;
}

int models_view_open(struct models *m, const struct stored_model *model,
                     struct store **out, struct error *err)
{
    struct view *v = calloc(1, sizeof *v);
    int rc = 0;

    if (!v)
        return error_memory(err);
    v->base.ops = &view_ops;
    v->base.label = strdup(model->name);
    v->files = calloc(model->file_count + 1, sizeof *v->files);
    if (!v->base.label || !v->files)
        rc = error_memory(err);
    for (size_t i = 0; !rc && i < model->file_count; i++)
        rc = add(v, m, &model->files[i], err);
    if (rc)
        store_free(&v->base);
    else
        *out = &v->base;
    return rc;
}
