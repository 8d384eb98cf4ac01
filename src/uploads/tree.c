/*
 * The folder that a job reads: an upload's files under their own names.
 *
 * It is made once, from what is complete, under another name and renamed when
 * it is whole. Files are hard links to the blobs, so that nothing is copied;
 * only a file of several blobs, which is not an archive, is put together. An
 * upload whose one file is an archive is unpacked instead, straight from its
 * blobs; then those are removed, and the upload is closed for changes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/num.h"
#include "store/intake.h"
#include "store/store.h"
#include "store/unpack.h"
#include "uploads/folder.h"
#include "uploads/internal.h"

enum { PAGE = 1000, BLOCK = 256 * 1024, PATH_BYTES = 16384 };

struct tree {
    struct uploads *u;
    bool (*cancelled)(void *ctx);
    void *ctx;
    int dir; /* of the folder being made */
    char name[UPLOADS_ID_MAX + 8];
    char last[STORE_NAME_MAX + 1]; /* path of the last file of a page */
    unsigned seen;                 /* files of the page */
};

static int check_cancelled(const struct tree *t, struct error *err)
{
    if (t->cancelled && t->cancelled(t->ctx))
        return error_set(err, ERR_CANCELLED, "cancelled");
    return 0;
}

/* What to do with the bytes of a file, block by block. */
typedef int (*block_fn)(void *ctx, const void *data, size_t len,
                        struct error *err);

static int read_blob(const struct tree *t, const char *id, unsigned char *block,
                     block_fn fn, void *ctx, struct error *err)
{
    int fd = openat(t->u->blobs, id, O_RDONLY | O_CLOEXEC);
    ssize_t n = 1;
    int rc = 0;

    if (fd < 0)
        return error_errno(err, ERR_READ, errno,
                           "bytes of the upload are lost");
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    while (!rc && n != 0) {
        n = read(fd, block, BLOCK);
        if (n < 0 && errno == EINTR)
            continue;
        rc = n < 0 ? error_errno(err, ERR_READ, errno, "cannot read the upload")
                   : check_cancelled(t, err);
        if (!rc && n > 0)
            rc = fn(ctx, block, (size_t)n, err);
    }
    close(fd);
    return rc;
}

/* All bytes of a file, from its blobs in their order. */
static int read_blobs(const struct tree *t, const char *blobs, block_fn fn,
                      void *ctx, struct error *err)
{
    struct id_list ids = { .count = 0 };
    unsigned char *block = malloc(BLOCK);
    int rc = 0;

    id_list_split(&ids, blobs);
    if (!block || ids.failed)
        rc = error_memory(err);
    for (size_t i = 0; !rc && i < ids.count; i++)
        rc = read_blob(t, ids.ids[i], block, fn, ctx, err);
    free(block);
    id_list_done(&ids);
    return rc;
}

static int write_block(void *ctx, const void *data, size_t len,
                       struct error *err)
{
    const int *fd = ctx;
    const char *p = data;

    while (len > 0) {
        ssize_t n = write(*fd, p, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return folder_fail(errno, err, "cannot put the upload together");
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

static int join(struct tree *t, const struct table_file *f, struct error *err)
{
    int fd = openat(t->dir, f->file.path,
                    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int rc;

    if (fd < 0)
        return folder_fail(errno, err, "cannot make %.200s", f->file.path);
    rc = uploads_admit(t->u, f->file.length, err);
    if (!rc)
        rc = read_blobs(t, f->blobs, write_block, &fd, err);
    if (close(fd) != 0 && !rc)
        rc = folder_fail(errno, err, "cannot write %.200s", f->file.path);
    return rc;
}

static int place_file(void *ctx, const struct table_file *f, struct error *err)
{
    struct tree *t = ctx;
    int rc = check_cancelled(t, err);

    t->seen++;
    snprintf(t->last, sizeof t->last, "%s", f->file.path);
    if (rc || f->file.partial)
        return rc;
    if (!f->file.complete) {
        error_set(err, ERR_UNFINISHED_UPLOAD, "%.200s is not uploaded yet",
                  f->file.path);
        error_subject(err, "%.200s", f->file.path);
        return error_actual(err, "%llu bytes of it",
                            (unsigned long long)f->file.offset);
    }
    rc = folder_make_parents(t->dir, f->file.path, err);
    if (rc)
        return rc;
    if (strchr(f->blobs, ' '))
        return join(t, f, err);
    if (linkat(t->u->blobs, f->blobs, t->dir, f->file.path, 0) == 0)
        return 0;
    if (errno == EPERM || errno == EOPNOTSUPP || errno == EMLINK)
        return join(t, f, err); /* a file system without links */
    return folder_fail(errno, err, "cannot place %.200s", f->file.path);
}

static int place_files(struct tree *t, const char *upload, struct error *err)
{
    int rc;

    *t->last = '\0';
    do {
        t->seen = 0;
        rc = table_files(t->u->db, upload, t->last, PAGE, place_file, t, err);
    } while (!rc && t->seen == PAGE);
    return rc;
}

static int feed(void *ctx, const void *data, size_t len, struct error *err)
{
    return unpack_feed(ctx, data, len, err);
}

/* Bytes that an archive may unpack to. */
static uint64_t room(const struct uploads *u)
{
    uint64_t limit =
        u->limits.upload_bytes ? u->limits.upload_bytes : (uint64_t)INT64_MAX;
    uint64_t used = uploads_bytes(u);

    if (u->limits.other_bytes)
        used += u->limits.other_bytes(u->limits.ctx);
    if (u->limits.quota)
        limit =
            num_min(limit, u->limits.quota > used ? u->limits.quota - used : 0);
    return limit;
}

static int unpack(struct tree *t, const struct table_file *f, uint64_t *bytes,
                  struct error *err)
{
    struct intake_limits limits = {
        .bytes = room(t->u),
        .entries = t->u->limits.entries ? t->u->limits.entries : UINT64_MAX,
        .path = STORE_NAME_MAX,
        .reserve = t->u->limits.reserve,
    };
    struct buf path = BUF_INIT(PATH_BYTES);
    struct intake *in = NULL;
    struct unpack *un = NULL;
    int rc;

    buf_printf(&path, "%s/trees/%s", t->u->folder, t->name);
    rc = buf_str(&path) ? intake_open(buf_str(&path), &limits, &in, err)
                        : buf_status(&path, err);
    if (!rc)
        rc = unpack_new(in, &un, err);
    if (!rc)
        rc = read_blobs(t, f->blobs, feed, un, err);
    if (!rc)
        rc = unpack_finish(un, err);
    unpack_free(un);
    buf_done(&path);
    if (!rc)
        *bytes = intake_stored(in);
    intake_free(in);
    return rc;
}

/* Whether the first bytes of a file are those of an archive. */
static bool is_archive(const struct uploads *u, const struct table_file *f)
{
    unsigned char head[UNPACK_SNIFF_BYTES];
    struct id_list ids = { .count = 0 };
    ssize_t n = 0;
    int fd;

    id_list_split(&ids, f->blobs);
    if (ids.count > 0) {
        fd = openat(u->blobs, ids.ids[0], O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            n = pread(fd, head, sizeof head, 0);
            close(fd);
        }
    }
    id_list_done(&ids);
    return n > 0 && unpack_sniff(head, (size_t)n);
}

/* The first file of an upload. */
static int take_first(void *ctx, const struct table_file *f, struct error *err)
{
    struct table_file *out = ctx;

    out->file = f->file;
    out->file.path = out->file.metadata = out->file.concat = NULL;
    out->blobs = strdup(f->blobs);
    return out->blobs ? 0 : error_memory(err);
}

/* Makes everything visible under the upload's id, durably. */
static int publish(const struct tree *t, const char *upload, struct error *err)
{
    /* One call for all the links and files, however many they are. */
    if (syncfs(t->dir) != 0)
        return folder_fail(errno, err, "cannot sync the upload's folder");
    if (renameat(t->u->trees, t->name, t->u->trees, upload) != 0 ||
        fsync(t->u->trees) != 0)
        return folder_fail(errno, err, "cannot publish the upload's folder");
    return 0;
}

static int make_unpacked(struct tree *t, const struct table_file *f,
                         struct error *err)
{
    struct id_list freed = { .count = 0 };
    uint64_t bytes = 0;
    int rc = unpack(t, f, &bytes, err);

    if (!rc)
        rc = publish(t, f->file.upload, err);
    if (!rc)
        rc = table_set_unpacked(t->u->db, f->file.upload, bytes, &freed, err);
    if (!rc) {
        atomic_fetch_add(&t->u->stored, bytes);
        uploads_free_blobs(t->u, &freed);
    }
    id_list_done(&freed);
    return rc;
}

static int make_linked(struct tree *t, const char *upload, struct error *err)
{
    int rc = place_files(t, upload, err);

    if (!rc)
        rc = publish(t, upload, err);
    return rc ? rc : table_set_ready(t->u->db, upload, true, err);
}

static int make_tree(struct tree *t, const struct uploads_info *info,
                     struct error *err)
{
    struct table_file first = { .blobs = NULL };
    int rc = 0;

    if (info->files == 1)
        rc = table_files(t->u->db, info->id, "", 1, take_first, &first, err);
    if (rc)
        return rc;
    if (first.blobs && first.file.complete && is_archive(t->u, &first))
        rc = make_unpacked(t, &first, err);
    else
        rc = make_linked(t, info->id, err);
    free(first.blobs);
    return rc;
}

/* Makes the folder under a name of its own first; leaves nothing half. */
static int build(struct tree *t, const struct uploads_info *info,
                 struct error *err)
{
    int rc;

    snprintf(t->name, sizeof t->name, "%s.new", info->id);
    rc = folder_remove(t->u->trees, t->name, err);
    if (!rc) /* of a crash between the rename and the commit */
        rc = folder_remove(t->u->trees, info->id, err);
    if (!rc)
        rc = folder_open(t->u->trees, t->name, &t->dir, err);
    if (rc)
        return rc;
    rc = make_tree(t, info, err);
    close(t->dir);
    if (rc)
        folder_remove(t->u->trees, t->name, NULL);
    return rc;
}

static int prepare(struct tree *t, const char *upload, struct error *err)
{
    struct uploads_info info;
    bool ready = false;
    int rc = table_upload(t->u->db, upload, &info, &ready, err);

    return rc || ready ? rc : build(t, &info, err);
}

/* Waits until nobody else makes this folder. The upload is held. */
static void start_preparing(struct uploads *u, const char *upload)
{
    struct uploads_hold *h;

    pthread_mutex_lock(&u->lock);
    h = uploads_find_hold(u, upload);
    while (h && h->preparing)
        pthread_cond_wait(&u->prepared, &u->lock);
    if (h)
        h->preparing = true;
    pthread_mutex_unlock(&u->lock);
}

static void stop_preparing(struct uploads *u, const char *upload)
{
    struct uploads_hold *h;

    pthread_mutex_lock(&u->lock);
    h = uploads_find_hold(u, upload);
    if (h)
        h->preparing = false;
    pthread_cond_broadcast(&u->prepared);
    pthread_mutex_unlock(&u->lock);
}

int uploads_prepare(struct uploads *u, const char *upload,
                    bool (*cancelled)(void *ctx), void *ctx, char **folder,
                    struct error *err)
{
    struct buf path = BUF_INIT(PATH_BYTES);
    struct tree *t = calloc(1, sizeof *t);
    int rc;

    if (!t)
        return error_memory(err);
    t->u = u;
    t->cancelled = cancelled;
    t->ctx = ctx;
    start_preparing(u, upload);
    rc = prepare(t, upload, err);
    stop_preparing(u, upload);
    free(t);
    if (rc)
        return rc;
    buf_printf(&path, "%s/trees/%s", u->folder, upload);
    rc = buf_status(&path, err);
    if (!rc) {
        *folder = buf_take_str(&path);
        rc = *folder ? 0 : error_memory(err);
    }
    buf_done(&path);
    return rc;
}
