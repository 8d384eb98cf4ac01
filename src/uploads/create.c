/*
 * Making and removing files of uploads.
 *
 * A new file is first a blob that nobody knows, synced under its name, then a
 * row; a removed one is first no row, then no blob. Between the two, the blob
 * is what recovery removes. Rows are changed under the lock, so that no job can
 * take hold of the upload meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "base/utf8.h"
#include "store/store.h"
#include "uploads/folder.h"
#include "uploads/internal.h"
#include "uploads/tus.h"

int uploads_check_path(const char *path, struct error *err)
{
    size_t left = strlen(path);
    size_t component = 0;
    size_t n = 0;
    int rc = store_check_name(path, err);

    for (const char *p = path; !rc && left > 0; p += n, left -= n) {
        n = utf8_length(p, left);
        component = *p == '/' ? 0 : component + n;
        if (n == 0 || component > NAME_MAX) {
            error_set(err, ERR_PATH, "'%.200s' can't be stored", path);
            rc = error_expected(err, "UTF-8, of at most %d bytes between '/'",
                                NAME_MAX);
        }
    }
    return rc;
}

static int set_names(const struct uploads_new *what, struct uploads_file *f,
                     struct error *err)
{
    const char *path = what->path ? what->path : "upload";
    const char *upload = what->upload;
    int rc = uploads_check_path(path, err);

    if (!rc)
        rc = uploads_new_id(f->id, err);
    if (rc)
        return rc;
    if (!upload || what->partial)
        upload = f->id;
    if (!tus_is_id(upload) || strlen(upload) < UPLOADS_CHOSEN_MIN) {
        error_set(err, ERR_USAGE, "'%.64s' can't name an upload", upload);
        return error_expected(err, "%d to %d letters, digits, '-' or '_'",
                              UPLOADS_CHOSEN_MIN, UPLOADS_ID_MAX);
    }
    memcpy(f->upload, upload, strlen(upload) + 1);
    f->path = strdup(path);
    f->metadata = what->metadata ? strdup(what->metadata) : NULL;
    if (!f->path || (what->metadata && !f->metadata))
        return error_memory(err);
    return 0;
}

/* An empty blob under the file's id, durable. */
static int make_blob(struct uploads *u, const char *id, struct error *err)
{
    int fd =
        openat(u->blobs, id, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return folder_fail(errno, err, "cannot make a file for the upload");
    close(fd);
    if (fsync(u->blobs) != 0)
        return folder_fail(errno, err, "cannot sync the folder of uploads");
    return 0;
}

/* The upload must take length bytes more, of which none is there yet. */
static int check_length(struct uploads *u, const char *upload, uint64_t length,
                        struct error *err)
{
    struct uploads_info info = { .bytes = 0 };
    uint64_t total = 0;
    int rc = table_upload(u->db, upload, &info, NULL, err);

    if (rc && rc != ERR_NOT_FOUND)
        return rc;
    if (length == UPLOADS_UNKNOWN)
        length = 0;
    if (u->limits.upload_bytes == 0 || (num_add(info.bytes, length, &total) &&
                                        total <= u->limits.upload_bytes))
        return uploads_admit(u, length, err);
    error_set(err, ERR_LIMIT, "the upload is larger than is allowed");
    error_actual(err, "%llu bytes", (unsigned long long)length);
    return error_expected(err, "at most %llu bytes",
                          (unsigned long long)u->limits.upload_bytes);
}

/* The row, once everything else is there. */
static int insert(struct uploads *u, const struct table_file *f,
                  struct id_list *freed, struct error *err)
{
    int rc;

    pthread_mutex_lock(&u->lock);
    rc = uploads_check_free(u, f->file.upload, err);
    if (!rc)
        rc = uploads_drop_tree(u, f->file.upload, err);
    if (!rc)
        rc = table_insert(u->db, f, &u->limits, freed, err);
    pthread_mutex_unlock(&u->lock);
    return rc;
}

int uploads_create(struct uploads *u, const struct uploads_new *what,
                   struct uploads_file *out, struct error *err)
{
    struct table_file f = { .file = { .length = what->length,
                                      .partial = what->partial,
                                      .complete = what->length == 0,
                                      .created = time(NULL) } };
    struct id_list freed = { .count = 0 };
    int rc = set_names(what, &f.file, err);

    if (!rc)
        rc = check_length(u, f.file.upload, what->length, err);
    if (!rc)
        rc = make_blob(u, f.file.id, err);
    if (!rc) {
        f.blobs = f.file.id;
        rc = insert(u, &f, &freed, err);
        if (rc)
            unlinkat(u->blobs, f.file.id, 0);
    }
    uploads_free_blobs(u, &freed);
    id_list_done(&freed);
    if (rc) {
        uploads_file_done(&f.file);
        return rc;
    }
    uploads_set_expiry(u, &f.file, f.file.created);
    *out = f.file;
    return 0;
}

int uploads_concat(struct uploads *u, const struct uploads_new *what,
                   char *const *ids, size_t count, const char *concat,
                   struct uploads_file *out, struct error *err)
{
    struct table_file f = { .file = { .complete = true,
                                      .created = time(NULL) } };
    struct id_list freed = { .count = 0 };
    int rc = set_names(what, &f.file, err);

    if (!rc) {
        f.file.concat = strdup(concat);
        rc = f.file.concat ? 0 : error_memory(err);
    }
    if (!rc) {
        pthread_mutex_lock(&u->lock);
        rc = uploads_check_free(u, f.file.upload, err);
        if (!rc)
            rc = uploads_drop_tree(u, f.file.upload, err);
        if (!rc)
            rc = table_concat(u->db, &f, ids, count, &u->limits, &freed, err);
        pthread_mutex_unlock(&u->lock);
    }
    free(f.blobs);
    uploads_free_blobs(u, &freed);
    id_list_done(&freed);
    if (rc) {
        uploads_file_done(&f.file);
        return rc;
    }
    uploads_set_expiry(u, &f.file, f.file.created);
    *out = f.file;
    return 0;
}

int uploads_set_length(struct uploads *u, const char *id, uint64_t length,
                       struct error *err)
{
    struct id_list freed = { .count = 0 };
    struct table_file f;
    int rc = table_file(u->db, id, &f, err);

    if (rc)
        return rc;
    if (f.file.length == length)
        goto out;
    if (f.file.length != UPLOADS_UNKNOWN || length < f.file.offset) {
        rc = error_set(err, ERR_USAGE, "the upload has another length already");
        goto out;
    }
    f.file.length = length;
    rc = check_length(u, f.file.upload, length - f.file.offset, err);
    if (rc)
        goto out;
    pthread_mutex_lock(&u->lock);
    rc = uploads_check_free(u, f.file.upload, err);
    if (!rc)
        rc = uploads_revoke(u, NULL, id, false, err);
    if (!rc)
        rc = table_set_length(u->db, &f.file, time(NULL), &freed, err);
    pthread_mutex_unlock(&u->lock);
out:
    uploads_free_blobs(u, &freed);
    id_list_done(&freed);
    table_file_done(&f);
    return rc;
}

int uploads_delete_file(struct uploads *u, const char *id, struct error *err)
{
    struct id_list freed = { .count = 0 };
    struct table_file f;
    int rc = table_file(u->db, id, &f, err);

    if (rc)
        return rc;
    pthread_mutex_lock(&u->lock);
    rc = uploads_check_free(u, f.file.upload, err);
    if (!rc)
        rc = uploads_revoke(u, NULL, id, true, err);
    if (!rc)
        rc = uploads_drop_tree(u, f.file.upload, err);
    if (!rc)
        rc = table_delete_file(u->db, id, &freed, err);
    pthread_mutex_unlock(&u->lock);
    uploads_free_blobs(u, &freed);
    id_list_done(&freed);
    table_file_done(&f);
    return rc;
}

int uploads_delete(struct uploads *u, const char *upload, struct error *err)
{
    struct id_list freed = { .count = 0 };
    struct uploads_info info = { .bytes = 0 };
    int rc;

    pthread_mutex_lock(&u->lock);
    rc = uploads_check_free(u, upload, err);
    if (!rc)
        rc = table_upload(u->db, upload, &info, NULL, err);
    if (!rc)
        rc = uploads_revoke(u, upload, NULL, true, err);
    if (!rc)
        rc = table_delete_upload(u->db, upload, &freed, err);
    pthread_mutex_unlock(&u->lock);
    uploads_free_blobs(u, &freed);
    id_list_done(&freed);
    if (rc)
        return rc;
    if (info.unpacked)
        uploads_forget_bytes(u, info.bytes);
    return folder_remove(u->trees, upload, err);
}
