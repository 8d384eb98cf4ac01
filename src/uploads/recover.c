/*
 * What a crash left behind, and what nobody wants any more.
 *
 * At the start: blobs and folders that the database does not know go away, and
 * unfinished files are cut back to the offset that was committed. Should a blob
 * be shorter than that (a disk that lied), the offset goes back to what is
 * there, and the client sends the rest again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "uploads/folder.h"
#include "uploads/internal.h"

enum { PAGE = 100 };

static int compare_ids(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Removes what is in the folder and not in the list. */
static int remove_strangers(int folder, struct id_list *known,
                            struct error *err)
{
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry;
    int rc = 0;

    if (!dir) {
        rc = folder_fail(errno, err, "cannot list the uploads");
        if (copy >= 0)
            close(copy);
        return rc;
    }
    if (known->count > 0)
        qsort(known->ids, known->count, sizeof *known->ids, compare_ids);
    while (!rc && (entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name;

        if (!strcmp(name, ".") || !strcmp(name, "..") ||
            (known->count > 0 && bsearch(name, known->ids, known->count,
                                         sizeof *known->ids, compare_ids)))
            continue;
        rc = folder_remove(folder, name, err);
    }
    closedir(dir);
    return rc;
}

static int clean(struct uploads *u, int folder,
                 int (*list)(struct db *, struct id_list *, struct error *),
                 struct error *err)
{
    struct id_list known = { .count = 0 };
    int rc = list(u->db, &known, err);

    if (!rc)
        rc = remove_strangers(folder, &known, err);
    id_list_done(&known);
    return rc;
}

/* A page of unfinished files, and the last id of it. */
struct cut {
    struct uploads *u;
    char last[UPLOADS_ID_MAX + 1];
    unsigned seen;
};

static int cut_back(void *ctx, const struct table_file *f, struct error *err)
{
    struct cut *c = ctx;
    struct id_list none = { .count = 0 };
    struct uploads_file file = f->file;
    struct stat st;
    int fd = openat(c->u->blobs, file.id, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int rc = 0;

    c->seen++;
    memcpy(c->last, file.id, sizeof c->last);
    if (fd < 0 || fstat(fd, &st) != 0)
        rc = folder_fail(errno, err, "cannot open the bytes of an upload");
    else if ((uint64_t)st.st_size < file.offset)
        rc = table_advance(c->u->db, &file, (uint64_t)st.st_size, time(NULL),
                           &none, err);
    else if ((uint64_t)st.st_size > file.offset &&
             ftruncate(fd, (off_t)file.offset) != 0)
        rc = folder_fail(errno, err, "cannot cut back an upload");
    if (fd >= 0)
        close(fd);
    id_list_done(&none);
    return rc;
}

static int cut_all(struct uploads *u, struct error *err)
{
    struct cut c = { .u = u };
    int rc;

    do {
        c.seen = 0;
        rc = table_incomplete(u->db, c.last, PAGE, cut_back, &c, err);
    } while (!rc && c.seen == PAGE);
    return rc;
}

static int count_bytes(struct uploads *u, struct error *err)
{
    uint64_t bytes = 0;
    int rc = table_bytes(u->db, &bytes, err);

    if (!rc)
        atomic_store(&u->stored, bytes);
    return rc;
}

int uploads_recover(struct uploads *u, struct error *err)
{
    int rc = clean(u, u->blobs, table_blobs, err);

    if (!rc)
        rc = clean(u, u->trees, table_ready, err);
    if (!rc)
        rc = cut_all(u, err);
    return rc ? rc : count_bytes(u, err);
}

/* Whether somebody is writing to the upload just now. */
static bool is_busy(struct uploads *u, const char *upload)
{
    bool busy;

    pthread_mutex_lock(&u->lock);
    busy = uploads_find_hold(u, upload) != NULL ||
           uploads_revoke(u, upload, NULL, false, NULL) != 0;
    pthread_mutex_unlock(&u->lock);
    return busy;
}

/* The count may drift where files vanish under a writer; put it right. */
static int recount(struct uploads *u, struct error *err)
{
    int rc = 0;

    pthread_mutex_lock(&u->lock);
    if (!u->appends)
        rc = count_bytes(u, err);
    pthread_mutex_unlock(&u->lock);
    return rc;
}

/* Removes those of the list that nobody is busy with, and counts them. */
static int remove_all(struct uploads *u, const struct id_list *old,
                      unsigned *removed, struct error *err)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < old->count; i++) {
        if (is_busy(u, old->ids[i]))
            continue;
        rc = uploads_delete(u, old->ids[i], err);
        *removed += !rc;
        if (rc == ERR_NOT_FOUND || rc == ERR_IN_USE)
            rc = 0; /* somebody was faster */
    }
    return rc;
}

static int sweep_transient(struct uploads *u, unsigned *removed,
                           struct error *err)
{
    struct id_list ended = { .count = 0 };
    int rc = table_transient(u->db, &ended, err);

    if (!rc)
        rc = remove_all(u, &ended, removed, err);
    id_list_done(&ended);
    return rc;
}

int uploads_sweep_transient(struct uploads *u, struct error *err)
{
    unsigned removed = 0;

    return sweep_transient(u, &removed, err);
}

int uploads_sweep(struct uploads *u, int64_t now, unsigned *removed,
                  struct error *err)
{
    struct id_list old = { .count = 0 };
    unsigned n = 0;
    int rc = 0;

    if (u->limits.age > 0)
        rc =
            table_expired(u->db, now - (int64_t)u->limits.age, PAGE, &old, err);
    if (!rc)
        rc = remove_all(u, &old, &n, err);
    id_list_done(&old);
    if (!rc)
        rc = sweep_transient(u, &n, err);
    if (removed)
        *removed = n;
    return rc ? rc : recount(u, err);
}
