/*
 * Uploads: opening, limits, lists, and who holds what.
 *
 * On the disk are two folders: blobs/, whose files are named by ids and hold
 * bytes in the order they came, and trees/, with a folder for each upload that
 * a job has used. The database says which blob belongs to what; a blob or tree
 * that it does not know is what a crash left, and is removed at the start. So
 * every change is one transaction, and no state of the disk is half.
 */
#include "uploads/uploads.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "store/store.h"
#include "uploads/folder.h"
#include "uploads/internal.h"
#include "uploads/tus.h"

void uploads_default_limits(struct uploads_limits *l)
{
    *l = (struct uploads_limits){
        .upload_bytes = (uint64_t)1 << 40,
        .entries = 1000000,
        .uploads = 10000,
        .reserve = (uint64_t)64 << 20,
        .age = 7 * 24 * 3600,
        .takeover = 10,
    };
}

static int open_folders(struct uploads *u, struct error *err)
{
    int dir = -1;
    int rc = folder_open(AT_FDCWD, u->folder, &dir, err);

    if (rc)
        return rc;
    rc = folder_open(dir, "blobs", &u->blobs, err);
    if (!rc)
        rc = folder_open(dir, "trees", &u->trees, err);
    close(dir);
    return rc;
}

int uploads_open(struct db *db, const char *folder,
                 const struct uploads_limits *limits, struct uploads **out,
                 struct error *err)
{
    struct uploads *u = calloc(1, sizeof *u);
    int rc;

    if (!u)
        return error_memory(err);
    u->db = db;
    u->limits = *limits;
    u->blobs = u->trees = -1;
    pthread_mutex_init(&u->lock, NULL);
    pthread_cond_init(&u->prepared, NULL);
    u->folder = strdup(folder);
    rc = u->folder ? open_folders(u, err) : error_memory(err);
    if (!rc)
        rc = uploads_recover(u, err);
    if (rc)
        uploads_close(u);
    else
        *out = u;
    return rc;
}

void uploads_close(struct uploads *u)
{
    struct uploads_hold *next;

    if (!u)
        return;
    if (u->trees >= 0)
        close(u->trees);
    if (u->blobs >= 0)
        close(u->blobs);
    for (struct uploads_hold *h = u->holds; h; h = next) {
        next = h->next;
        free(h);
    }
    pthread_cond_destroy(&u->prepared);
    pthread_mutex_destroy(&u->lock);
    free(u->folder);
    free(u);
}

void uploads_forget_bytes(struct uploads *u, uint64_t n)
{
    unsigned long long old = atomic_load(&u->stored);

    while (
        !atomic_compare_exchange_weak(&u->stored, &old, old > n ? old - n : 0))
        continue;
}

uint64_t uploads_bytes(const struct uploads *u)
{
    return atomic_load(&u->stored);
}

int uploads_new_id(char id[UPLOADS_ID_MAX + 1], struct error *err)
{
    struct timespec now;
    unsigned char noise[10];

    if (clock_gettime(CLOCK_REALTIME, &now) != 0 ||
        getentropy(noise, sizeof noise) != 0)
        return error_set(err, ERR_INTERNAL, "the system has no randomness");
    snprintf(id, UPLOADS_ID_MAX + 1, "%012llx",
             ((unsigned long long)now.tv_sec * 1000 +
              (unsigned long long)now.tv_nsec / 1000000) &
                 0xffffffffffff);
    for (size_t i = 0; i < sizeof noise; i++)
        snprintf(id + 12 + 2 * i, 3, "%02x", noise[i]);
    return 0;
}

int uploads_check_quota(struct uploads *u, uint64_t more, struct error *err)
{
    const struct uploads_limits *l = &u->limits;
    uint64_t used = uploads_bytes(u);

    if (l->other_bytes)
        used += l->other_bytes(l->ctx);
    if (l->quota == 0 || (used <= l->quota && more <= l->quota - used))
        return 0;
    error_set(err, ERR_QUOTA, "the storage quota is used up");
    error_expected(err, "at most %llu bytes", (unsigned long long)l->quota);
    error_actual(err, "%llu in use, %llu more", (unsigned long long)used,
                 (unsigned long long)more);
    return error_hint(err, "delete uploads or models that are not needed");
}

int uploads_admit(struct uploads *u, uint64_t more, struct error *err)
{
    struct statvfs st;
    uint64_t left = 0;
    uint64_t wanted = 0;
    int rc = uploads_check_quota(u, more, err);

    if (rc)
        return rc;
    if (fstatvfs(u->blobs, &st) != 0)
        return folder_fail(errno, err, "cannot ask for free space");
    if (!num_mul(st.f_bavail, st.f_frsize, &left))
        left = UINT64_MAX;
    if (num_add(more, u->limits.reserve, &wanted) && wanted <= left)
        return 0;
    error_set(err, ERR_SPACE, "the disk is too full for the upload");
    error_expected(err, "%llu bytes", (unsigned long long)more);
    error_actual(err, "%llu free, of which %llu are kept",
                 (unsigned long long)left,
                 (unsigned long long)u->limits.reserve);
    return error_hint(err, "free some space, then go on where it ended");
}

struct uploads_hold *uploads_find_hold(struct uploads *u, const char *upload)
{
    struct uploads_hold *h = u->holds;

    while (h && strcmp(h->upload, upload) != 0)
        h = h->next;
    return h;
}

int uploads_check_free(struct uploads *u, const char *upload, struct error *err)
{
    if (!uploads_find_hold(u, upload))
        return 0;
    error_set(err, ERR_IN_USE, "a job uses the upload %s", upload);
    return error_hint(err, "wait for the job, or cancel it");
}

void uploads_free_blobs(struct uploads *u, const struct id_list *ids)
{
    struct stat st;

    for (size_t i = 0; i < ids->count; i++)
        if (fstatat(u->blobs, ids->ids[i], &st, 0) == 0 &&
            unlinkat(u->blobs, ids->ids[i], 0) == 0)
            uploads_forget_bytes(u, (uint64_t)st.st_size);
}

int uploads_drop_tree(struct uploads *u, const char *upload, struct error *err)
{
    struct uploads_info info;
    bool ready = false;
    int rc = table_upload(u->db, upload, &info, &ready, err);

    if (rc)
        return rc == ERR_NOT_FOUND ? 0 : rc; /* it is about to be made */
    if (!ready)
        return 0;
    if (info.unpacked) {
        error_set(err, ERR_IN_USE, "the upload %s was unpacked and is closed",
                  upload);
        return error_hint(err, "start another upload");
    }
    rc = table_set_ready(u->db, upload, false, err);
    return rc ? rc : folder_remove(u->trees, upload, err);
}

void uploads_set_expiry(const struct uploads *u, struct uploads_file *f,
                        int64_t touched)
{
    f->expires = u->limits.age ? touched + (int64_t)u->limits.age : 0;
}

void uploads_file_done(struct uploads_file *f)
{
    free(f->path);
    free(f->metadata);
    free(f->concat);
    f->path = f->metadata = f->concat = NULL;
}

static int hand_out(const struct uploads *u, struct table_file *f,
                    struct uploads_file *out)
{
    uploads_set_expiry(u, &f->file, f->file.expires);
    *out = f->file;
    free(f->blobs);
    return 0;
}

int uploads_head(struct uploads *u, const char *id, struct uploads_file *out,
                 struct error *err)
{
    struct table_file f;
    int rc = table_file(u->db, id, &f, err);

    return rc ? rc : hand_out(u, &f, out);
}

int uploads_find(struct uploads *u, const char *upload, const char *path,
                 struct uploads_file *out, struct error *err)
{
    struct table_file f;
    int rc = table_find(u->db, upload, path, &f, err);

    return rc ? rc : hand_out(u, &f, out);
}

static void finish_info(struct uploads *u, struct uploads_info *info)
{
    info->expires = u->limits.age ? info->touched + (int64_t)u->limits.age : 0;
    pthread_mutex_lock(&u->lock);
    info->held = uploads_find_hold(u, info->id) != NULL;
    pthread_mutex_unlock(&u->lock);
}

int uploads_get(struct uploads *u, const char *upload, struct uploads_info *out,
                struct error *err)
{
    int rc = table_upload(u->db, upload, out, NULL, err);

    if (!rc)
        finish_info(u, out);
    return rc;
}

/* What a caller wants to hear, and the uploads that complete it. */
struct listing {
    struct uploads *u;
    uploads_info_fn info;
    uploads_file_fn file;
    void *ctx;
};

static int list_info(void *ctx, const struct uploads_info *info,
                     struct error *err)
{
    struct listing *l = ctx;
    struct uploads_info copy = *info;

    finish_info(l->u, &copy);
    return l->info(l->ctx, &copy, err);
}

int uploads_list(struct uploads *u, const char *after, unsigned max,
                 uploads_info_fn fn, void *ctx, struct error *err)
{
    struct listing l = { u, fn, NULL, ctx };

    return table_list(u->db, after, max, list_info, &l, err);
}

static int list_file(void *ctx, const struct table_file *file,
                     struct error *err)
{
    struct listing *l = ctx;
    struct uploads_file copy = file->file;

    uploads_set_expiry(l->u, &copy, copy.expires);
    return l->file(l->ctx, &copy, err);
}

int uploads_files(struct uploads *u, const char *upload, const char *after,
                  unsigned max, uploads_file_fn fn, void *ctx,
                  struct error *err)
{
    struct listing l = { u, NULL, fn, ctx };

    return table_files(u->db, upload, after, max, list_file, &l, err);
}

bool uploads_parse_reference(const char *text, char *id, const char **path)
{
    static const char scheme[] = "upload:";
    size_t len;

    if (strncmp(text, scheme, sizeof scheme - 1) != 0)
        return false;
    text += sizeof scheme - 1;
    len = strcspn(text, "/");
    if (len == 0 || len > UPLOADS_ID_MAX)
        return false;
    memcpy(id, text, len);
    id[len] = '\0';
    *path = text[len] ? text + len + 1 : "";
    return tus_is_id(id) && (!text[len] || store_check_name(*path, NULL) == 0);
}

int uploads_add_hold(struct uploads *u, const char *upload, struct error *err)
{
    struct uploads_hold *h = uploads_find_hold(u, upload);

    if (!h) {
        h = calloc(1, sizeof *h);
        if (!h)
            return error_memory(err);
        memcpy(h->upload, upload, strlen(upload) + 1);
        h->next = u->holds;
        u->holds = h;
    }
    h->count++;
    return 0;
}

int uploads_hold(struct uploads *u, const char *upload, struct error *err)
{
    struct uploads_info info;
    int rc;

    pthread_mutex_lock(&u->lock);
    rc = table_upload(u->db, upload, &info, NULL, err);
    if (!rc)
        rc = uploads_revoke(u, upload, NULL, false, err);
    if (!rc)
        rc = table_touch(u->db, upload, time(NULL), err);
    if (!rc)
        rc = uploads_add_hold(u, upload, err);
    pthread_mutex_unlock(&u->lock);
    return rc;
}

void uploads_drop_hold(struct uploads *u, const char *upload)
{
    for (struct uploads_hold **i = &u->holds; *i; i = &(*i)->next) {
        struct uploads_hold *h = *i;

        if (strcmp(h->upload, upload) == 0) {
            if (--h->count == 0) {
                *i = h->next;
                free(h);
            }
            break;
        }
    }
}

void uploads_release(struct uploads *u, const char *upload)
{
    pthread_mutex_lock(&u->lock);
    uploads_drop_hold(u, upload);
    pthread_mutex_unlock(&u->lock);
}
