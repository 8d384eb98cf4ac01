/*
 * Temporary folders, and whose they are.
 *
 *     DATA/tmp/                  locked while a process starts
 *     DATA/tmp/run-XXXXXX/       locked while its process lives
 *     DATA/tmp/run-XXXXXX/XXXXXX/   a folder that was asked for
 *
 * flock() locks vanish with their process, however it ends. The lock on tmp
 * closes the gap between making a folder and locking it.
 */
#include "temp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/num.h"

struct temp {
    char *tmp;
    char *run;
    int lock; /* on run */
};

static int fail(const char *what, const char *path, struct error *err)
{
    return error_errno(err, errno == ENOSPC ? ERR_SPACE : ERR_WRITE, errno,
                       "cannot %s %.300s", what, path);
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    remove(path);
    return 0;
}

void temp_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int make_folder(const char *path, struct error *err)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST
               ? 0
               : fail("make the folder", path, err);
}

/* Opens and locks a folder; how is LOCK_EX, also with LOCK_NB. -1 if not. */
static int lock_folder(const char *path, int how)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0 && flock(fd, how) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static void remove_leftover(const char *tmp, const char *name)
{
    char *path = NULL;
    int lock;

    if (strncmp(name, "run-", 4) != 0 ||
        asprintf(&path, "%s/%s", tmp, name) < 0)
        return;
    lock = lock_folder(path, LOCK_EX | LOCK_NB);
    if (lock >= 0) {
        temp_remove(path);
        close(lock);
    }
    free(path);
}

static int remove_leftovers(const char *tmp, struct error *err)
{
    DIR *dir = opendir(tmp);
    struct dirent *entry;

    if (!dir)
        return fail("list the folder", tmp, err);
    for (entry = readdir(dir); entry; entry = readdir(dir))
        remove_leftover(tmp, entry->d_name);
    closedir(dir);
    return 0;
}

static int make_run(struct temp *w, struct error *err)
{
    if (asprintf(&w->run, "%s/run-XXXXXX", w->tmp) < 0) {
        w->run = NULL;
        return error_memory(err);
    }
    if (!mkdtemp(w->run))
        return fail("make a folder in", w->tmp, err);
    w->lock = lock_folder(w->run, LOCK_EX);
    return w->lock < 0 ? fail("lock the folder", w->run, err) : 0;
}

int temp_open(const char *data, struct temp **out, struct error *err)
{
    struct temp *w = calloc(1, sizeof *w);
    int lock = -1;
    int rc;

    if (!w)
        return error_memory(err);
    w->lock = -1;
    if (asprintf(&w->tmp, "%s/tmp", data) < 0) {
        w->tmp = NULL;
        rc = error_memory(err);
        goto out;
    }
    rc = make_folder(data, err);
    if (!rc)
        rc = make_folder(w->tmp, err);
    if (rc)
        goto out;
    lock = lock_folder(w->tmp, LOCK_EX);
    if (lock < 0) {
        rc = fail("lock the folder", w->tmp, err);
        goto out;
    }
    rc = remove_leftovers(w->tmp, err);
    if (!rc)
        rc = make_run(w, err);
out:
    if (lock >= 0)
        close(lock);
    if (rc)
        temp_close(w);
    else
        *out = w;
    return rc;
}

void temp_close(struct temp *w)
{
    if (!w)
        return;
    if (w->run && w->lock >= 0) {
        temp_remove(w->run);
        close(w->lock);
    }
    free(w->run);
    free(w->tmp);
    free(w);
}

int temp_make(struct temp *w, char **path, struct error *err)
{
    char *folder = NULL;

    if (asprintf(&folder, "%s/XXXXXX", w->run) < 0)
        return error_memory(err);
    if (!mkdtemp(folder)) {
        free(folder);
        return fail("make a folder in", w->run, err);
    }
    *path = folder;
    return 0;
}

static int probe(const struct temp *w, struct error *err)
{
    char path[4096];
    int fd;
    int rc = 0;

    snprintf(path, sizeof path, "%s/probe-XXXXXX", w->run);
    fd = mkstemp(path);
    if (fd < 0)
        return fail("write to", w->run, err);
    if (write(fd, "", 1) != 1)
        rc = fail("write to", w->run, err);
    close(fd);
    unlink(path);
    return rc;
}

int temp_check(const struct temp *w, uint64_t want, uint64_t reserve,
               struct error *err)
{
    struct statvfs fs;
    uint64_t left, needed;

    if (statvfs(w->run, &fs) != 0)
        return fail("look at the space in", w->run, err);
    if (num_mul(fs.f_bavail, fs.f_frsize, &left) &&
        (!num_add(want, reserve, &needed) || left < needed)) {
        error_set(err, ERR_SPACE, "the data folder has too little space");
        error_expected(err, "%llu bytes, and %llu to stay free",
                       (unsigned long long)want, (unsigned long long)reserve);
        return error_actual(err, "%llu bytes", (unsigned long long)left);
    }
    return probe(w, err);
}
