/*
 * Bytes on their way into a file.
 *
 * They are written where they belong at once. Writing back to the disk is
 * started every few MiB, so that the sync at the end finds little to do. What
 * is committed moves with each commit, and, for long appends without a
 * checksum, every few seconds, which is what a crash may cost; going by time
 * and not by bytes keeps fast senders from waiting for the disk all the time.
 *
 * Whatever lies beyond the committed offset was promised to nobody and is cut
 * off when an append fails or the process died. After a failed sync the bytes
 * are cut off as well, never synced again: the kernel may have dropped them
 * while it calls the next sync a success.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "uploads/folder.h"
#include "uploads/internal.h"
#include "uploads/tus.h"

#define FLUSH_STRIDE ((uint64_t)8 << 20)

enum { CHECKPOINT_SECONDS = 2 };

static void append_free(struct uploads_append *a)
{
    if (a->fd >= 0)
        close(a->fd);
    checksum_free(a->sum);
    uploads_file_done(&a->file);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

static int append_new(struct uploads *u, const struct checksum *sum,
                      struct uploads_append **out, struct error *err)
{
    struct uploads_append *a = calloc(1, sizeof *a);
    int rc = 0;

    if (!a)
        return error_memory(err);
    a->u = u;
    a->fd = -1;
    a->active = a->synced = time(NULL);
    pthread_mutex_init(&a->lock, NULL);
    if (sum && sum->algorithm)
        rc = checksum_start(sum, &a->sum, err);
    if (rc)
        append_free(a);
    else
        *out = a;
    return rc;
}

/* What the upload may still take, and whether the disk has that much. */
static int set_budget(struct uploads_append *a, uint64_t length,
                      struct error *err)
{
    struct uploads_info info = { .bytes = 0 };
    uint64_t limit = a->u->limits.upload_bytes;
    int rc = table_upload(a->u->db, a->file.upload, &info, NULL, err);

    if (rc && !(a->put && rc == ERR_NOT_FOUND)) /* a put may make it */
        return rc;
    a->budget = limit == 0           ? UINT64_MAX
                : limit > info.bytes ? limit - info.bytes
                                     : 0;
    if (length == UPLOADS_UNKNOWN)
        length = 0;
    if (length <= a->budget)
        return uploads_admit(a->u, length, err);
    error_set(err, ERR_LIMIT, "the upload is larger than is allowed");
    return error_expected(err, "at most %llu bytes", (unsigned long long)limit);
}

static int check_offset(const struct uploads_file *f, uint64_t offset,
                        uint64_t length, struct error *err)
{
    if (f->offset != offset) {
        error_set(err, ERR_OFFSET, "the upload goes on at another offset");
        error_expected(err, "%llu", (unsigned long long)f->offset);
        error_actual(err, "%llu", (unsigned long long)offset);
        return error_hint(err, "ask for the offset with HEAD");
    }
    if (f->complete)
        return error_set(err, ERR_USAGE, "the upload is complete already");
    if (length != UPLOADS_UNKNOWN && f->length != UPLOADS_UNKNOWN &&
        length > f->length - f->offset) {
        error_set(err, ERR_LIMIT, "the bytes go beyond the upload's length");
        error_expected(err, "at most %llu",
                       (unsigned long long)(f->length - f->offset));
        return error_actual(err, "%llu", (unsigned long long)length);
    }
    return 0;
}

/* Opens the blob and cuts off what an earlier append left beyond the offset. */
static int open_blob(struct uploads_append *a, struct error *err)
{
    struct stat st;

    a->fd = openat(a->u->blobs, a->file.id, O_WRONLY | O_CLOEXEC);
    if (a->fd < 0 || fstat(a->fd, &st) != 0)
        return folder_fail(errno, err, "cannot open the upload's bytes");
    if ((uint64_t)st.st_size < a->file.offset)
        return error_set(err, ERR_READ, "bytes of the upload are lost");
    if ((uint64_t)st.st_size > a->file.offset &&
        ftruncate(a->fd, (off_t)a->file.offset) != 0)
        return folder_fail(errno, err, "cannot go back to the last offset");
    a->at = a->durable = a->flushed = a->file.offset;
    return 0;
}

/* With the lock held: claims the file and reads where it ends. */
static int claim(struct uploads_append *a, const char *id, uint64_t offset,
                 uint64_t length, struct error *err)
{
    struct table_file f;
    int rc = uploads_revoke(a->u, NULL, id, false, err);

    if (!rc)
        rc = table_file(a->u->db, id, &f, err);
    if (rc)
        return rc;
    a->file = f.file;
    free(f.blobs);
    rc = uploads_check_free(a->u, a->file.upload, err);
    if (!rc)
        rc = check_offset(&a->file, offset, length, err);
    if (!rc)
        rc = open_blob(a, err);
    if (rc)
        return rc;
    a->next = a->u->appends;
    a->u->appends = a;
    return 0;
}

static void unlist(struct uploads_append *a)
{
    pthread_mutex_lock(&a->u->lock);
    for (struct uploads_append **i = &a->u->appends; *i; i = &(*i)->next) {
        if (*i == a) {
            *i = a->next;
            break;
        }
    }
    pthread_mutex_unlock(&a->u->lock);
}

int uploads_append_begin(struct uploads *u, const char *id, uint64_t offset,
                         uint64_t length, const struct checksum *sum,
                         struct uploads_append **out, struct error *err)
{
    struct uploads_append *a = NULL;
    int rc = append_new(u, sum, &a, err);

    if (rc)
        return rc;
    pthread_mutex_lock(&u->lock);
    rc = claim(a, id, offset, length, err);
    pthread_mutex_unlock(&u->lock);
    if (!rc) {
        rc = set_budget(a, length, err);
        if (rc)
            unlist(a);
    }
    if (rc)
        append_free(a);
    else
        *out = a;
    return rc;
}

/* A blob that no row knows yet. */
static int create_blob(struct uploads_append *a, struct error *err)
{
    a->fd = openat(a->u->blobs, a->file.id,
                   O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (a->fd < 0)
        return folder_fail(errno, err, "cannot make a file for the upload");
    return 0;
}

static int put_names(struct uploads_append *a, const char *upload,
                     const char *path, struct error *err)
{
    int rc = uploads_check_path(path, err);

    if (rc)
        return rc;
    if (!tus_is_id(upload) || strlen(upload) < UPLOADS_CHOSEN_MIN) {
        error_set(err, ERR_USAGE, "'%.64s' can't name an upload", upload);
        return error_expected(err, "%d to %d letters, digits, '-' or '_'",
                              UPLOADS_CHOSEN_MIN, UPLOADS_ID_MAX);
    }
    memcpy(a->file.upload, upload, strlen(upload) + 1);
    a->file.path = strdup(path);
    return a->file.path ? uploads_new_id(a->file.id, err) : error_memory(err);
}

int uploads_put_begin(struct uploads *u, const char *upload, const char *path,
                      uint64_t length, const struct checksum *sum,
                      struct uploads_append **out, struct error *err)
{
    struct uploads_append *a = NULL;
    int rc = append_new(u, sum, &a, err);

    if (rc)
        return rc;
    a->put = true;
    a->file.length = length;
    rc = put_names(a, upload, path, err);
    if (!rc)
        rc = set_budget(a, length, err);
    if (!rc)
        rc = create_blob(a, err);
    if (!rc) {
        pthread_mutex_lock(&u->lock);
        rc = uploads_check_free(u, upload, err);
        if (!rc)
            rc = uploads_drop_tree(u, upload, err);
        if (!rc) {
            a->next = u->appends;
            u->appends = a;
        }
        pthread_mutex_unlock(&u->lock);
        if (rc)
            unlinkat(u->blobs, a->file.id, 0);
    }
    if (rc)
        append_free(a);
    else
        *out = a;
    return rc;
}

static int refuse_revoked(struct error *err)
{
    return error_set(err, ERR_LOCKED,
                     "another request has gone on with this upload");
}

/* Syncs and commits what was written so far. */
static int checkpoint(struct uploads_append *a, struct id_list *freed,
                      struct error *err)
{
    int rc;

    if (fdatasync(a->fd) != 0)
        return folder_fail(errno, err, "cannot sync the upload to the disk");
    rc = table_advance(a->u->db, &a->file, a->at, time(NULL), freed, err);
    if (rc)
        return rc;
    a->durable = a->at;
    a->synced = time(NULL);
    return 0;
}

/* Every few MiB: starts writing back, looks at the limits, commits. */
static int keep_up(struct uploads_append *a, struct error *err)
{
    struct id_list none = { .count = 0 };
    int rc;

    if (a->at - a->flushed < FLUSH_STRIDE)
        return 0;
    /* Only a hint to the kernel; the sync at the end is what counts. */
    sync_file_range(a->fd, (off_t)a->flushed, (off_t)(a->at - a->flushed),
                    SYNC_FILE_RANGE_WRITE);
    a->flushed = a->at;
    rc = uploads_admit(a->u, 0, err);
    if (!rc && !a->put && !a->sum && a->at != a->file.length &&
        a->active - a->synced >= CHECKPOINT_SECONDS)
        rc = checkpoint(a, &none, err);
    id_list_done(&none);
    return rc;
}

static int check_room(const struct uploads_append *a, size_t len,
                      struct error *err)
{
    uint64_t end = a->at + len;

    if (a->file.length != UPLOADS_UNKNOWN && end > a->file.length)
        return error_set(err, ERR_LIMIT,
                         "the bytes go beyond the upload's length");
    if (len <= a->budget)
        return 0;
    error_set(err, ERR_LIMIT, "the upload is larger than is allowed");
    return error_expected(err, "at most %llu bytes",
                          (unsigned long long)a->u->limits.upload_bytes);
}

static int write_bytes(struct uploads_append *a, const void *data, size_t len,
                       struct error *err)
{
    size_t done = 0;
    int rc = check_room(a, len, err);

    if (!rc && a->sum)
        rc = checksum_update(a->sum, data, len, err);
    if (rc)
        return rc;
    rc = folder_write(a->fd, a->at, data, len, &done, err);
    a->at += done;
    a->budget -= done;
    a->active = time(NULL);
    atomic_fetch_add(&a->u->stored, done);
    return rc ? rc : keep_up(a, err);
}

int uploads_write(struct uploads_append *a, const void *data, size_t len,
                  struct error *err)
{
    int rc;

    pthread_mutex_lock(&a->lock);
    if (a->revoked)
        rc = refuse_revoked(err);
    else if (a->failed)
        rc = error_set(err, ERR_WRITE, "the append has failed before");
    else
        rc = write_bytes(a, data, len, err);
    a->failed = a->failed || rc;
    pthread_mutex_unlock(&a->lock);
    return rc;
}

/* Cuts off what was not committed; a put leaves nothing. */
static void roll_back(struct uploads_append *a)
{
    /* If the cut fails, the next append or the next start makes it. */
    if (a->put)
        unlinkat(a->u->blobs, a->file.id, 0);
    else if (a->at > a->durable && ftruncate(a->fd, (off_t)a->durable) != 0)
        a->failed = true;
    uploads_forget_bytes(a->u, a->at - a->durable);
}

/* The row of a put: made when all its bytes are there. */
static int insert_put(struct uploads_append *a, struct id_list *freed,
                      struct error *err)
{
    struct table_file f = { .blobs = a->file.id };
    int rc;

    if (a->file.length != UPLOADS_UNKNOWN && a->at != a->file.length) {
        error_set(err, ERR_USAGE, "the body ended early");
        error_expected(err, "%llu bytes", (unsigned long long)a->file.length);
        return error_actual(err, "%llu", (unsigned long long)a->at);
    }
    if (fdatasync(a->fd) != 0 || fsync(a->u->blobs) != 0)
        return folder_fail(errno, err, "cannot sync the upload to the disk");
    a->file.length = a->file.offset = a->at;
    a->file.created = time(NULL);
    a->file.complete = true;
    f.file = a->file;
    rc = table_insert(a->u->db, &f, &a->u->limits, freed, err);
    if (!rc)
        a->durable = a->at;
    return rc;
}

static int finish(struct uploads_append *a, struct id_list *freed,
                  struct error *err)
{
    int rc = a->sum ? checksum_verify(a->sum, err) : 0;

    if (rc)
        return rc;
    return a->put ? insert_put(a, freed, err) : checkpoint(a, freed, err);
}

static int end_append(struct uploads_append *a, struct uploads_file *out,
                      struct error *err)
{
    struct id_list freed = { .count = 0 };
    int rc;

    pthread_mutex_lock(&a->lock);
    if (a->revoked) {
        rc = refuse_revoked(err);
    } else {
        rc = a->failed ? error_set(err, ERR_WRITE, "the append has failed")
                       : finish(a, &freed, err);
        if (rc)
            roll_back(a);
        a->ended = true;
    }
    pthread_mutex_unlock(&a->lock);
    unlist(a);
    uploads_free_blobs(a->u, &freed);
    id_list_done(&freed);
    if (!rc && out) {
        *out = a->file;
        out->expires =
            a->u->limits.age ? time(NULL) + (int64_t)a->u->limits.age : 0;
        a->file = (struct uploads_file){ .path = NULL };
    }
    append_free(a);
    return rc;
}

int uploads_commit(struct uploads_append *a, struct uploads_file *out,
                   struct error *err)
{
    return end_append(a, out, err);
}

void uploads_abandon(struct uploads_append *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->failed = a->failed || a->put || a->sum;
    pthread_mutex_unlock(&a->lock);
    end_append(a, NULL, NULL);
}

/* The lock of u is held, so a can't be freed meanwhile. */
static int revoke_one(struct uploads_append *a, int64_t now, bool force,
                      struct error *err)
{
    if (force)
        pthread_mutex_lock(&a->lock);
    else if (pthread_mutex_trylock(&a->lock) != 0)
        return error_set(err, ERR_LOCKED,
                         "another request is writing to this upload");
    if (!force && now - a->active < (int64_t)a->u->limits.takeover) {
        pthread_mutex_unlock(&a->lock);
        error_set(err, ERR_LOCKED, "another request is writing to this upload");
        return error_hint(err, "try again in a few seconds");
    }
    /* What has ended is no longer this list's to take away. */
    if (!a->revoked && !a->ended) {
        a->revoked = true;
        roll_back(a);
    }
    pthread_mutex_unlock(&a->lock);
    return 0;
}

int uploads_revoke(struct uploads *u, const char *upload, const char *id,
                   bool force, struct error *err)
{
    struct uploads_append **link = &u->appends;
    int64_t now = time(NULL);

    while (*link) {
        struct uploads_append *a = *link;
        int rc;

        if ((id && strcmp(a->file.id, id) != 0) ||
            (upload && strcmp(a->file.upload, upload) != 0)) {
            link = &a->next;
            continue;
        }
        rc = revoke_one(a, now, force, err);
        if (rc)
            return rc;
        *link = a->next;
    }
    return 0;
}
