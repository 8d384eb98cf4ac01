/*
 * Which member of the archive is which file of the plan, and nothing else.
 */
#include "stream_tar.h"

#include <stdlib.h>

struct stream_tar {
    struct stream *stream;
    const struct plan *plan;
    struct tar *tar;
    size_t *files; /* of each member, its number in the plan */
};

static int read_member(void *ctx, size_t member, uint64_t offset, void *dst,
                       size_t len, struct error *err)
{
    const struct stream_tar *t = ctx;
    size_t file = t->files[member];

    if (offset == 0)
        stream_expect(t->stream, file, 0, t->plan->files[file].size);
    return stream_read(t->stream, file, offset, dst, len, err);
}

static int add_files(struct stream_tar *t, bool tensors, size_t *members,
                     struct error *err)
{
    int rc = 0;

    for (size_t i = 0; i < t->plan->file_count && !rc; i++) {
        const struct plan_file *f = &t->plan->files[i];

        if ((f->tensor_count > 0) != tensors)
            continue;
        t->files[(*members)++] = i;
        rc = tar_add(t->tar, f->name, f->size, err);
    }
    return rc;
}

int stream_tar_open(struct stream *s, const struct plan *p,
                    struct stream_tar **out, struct error *err)
{
    struct stream_tar *t = calloc(1, sizeof *t);
    size_t members = 0;
    int rc = 0;

    if (!t)
        return error_memory(err);
    t->stream = s;
    t->plan = p;
    t->files = calloc(p->file_count + 1, sizeof *t->files);
    if (!t->files)
        rc = error_memory(err);
    if (!rc)
        rc = tar_open_made(read_member, t, &t->tar, err);
    if (!rc)
        rc = add_files(t, false, &members, err);
    if (!rc)
        rc = add_files(t, true, &members, err);
    if (rc)
        stream_tar_free(t);
    else
        *out = t;
    return rc;
}

void stream_tar_free(struct stream_tar *t)
{
    if (!t)
        return;
    tar_free(t->tar);
    free(t->files);
    free(t);
}

uint64_t stream_tar_size(const struct stream_tar *t)
{
    return tar_size(t->tar);
}

int stream_tar_read(struct stream_tar *t, uint64_t at, void *dst, size_t len,
                    size_t *got, struct error *err)
{
    return tar_read(t->tar, at, dst, len, got, err);
}
