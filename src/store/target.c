/*
 * Where a path leads, and what stands there.
 *
 * Paths are people's: relative, with slashes and dots at the end, through
 * links, into folders that are not there yet. What stands at the end is
 * replaced only if losing it costs nothing that a conversion cannot make again.
 */
#include "store/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool target_no_space(int errnum)
{
    return errnum == ENOSPC || errnum == EDQUOT;
}

int target_fail(const struct target *t, const char *what, struct error *err)
{
    int errnum = errno;

    error_errno(err, target_no_space(errnum) ? ERR_SPACE : ERR_WRITE, errnum,
                "cannot %s %.300s", what, t->path);
    return error_subject(err, "%s", t->path);
}

static int sync_path(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);

    if (fd >= 0)
        close(fd);
    return rc;
}

/* Makes path and its parents; each new one is made durable in its parent. */
static int make_folders(char *path)
{
    char *end = path;
    char *slash;
    char kept;

    while (*end) {
        slash = end;
        end += strspn(end, "/");
        end += strcspn(end, "/");
        kept = *end;
        *end = '\0';
        if (mkdir(path, 0777) == 0) {
            char first = *slash;

            /* The new folder's parent ends where the slash stands. */
            *slash = '\0';
            if (sync_path(slash == path ? (first == '/' ? "/" : ".") : path))
                return -1;
            *slash = first;
        } else if (errno != EEXIST) {
            return -1;
        }
        *end = kept;
    }
    return 0;
}

/* Cuts "/" and "/." from the end; what remains is not empty. */
static void trim(char *path)
{
    size_t len = strlen(path);

    for (;;) {
        if (len > 1 && path[len - 1] == '/')
            len--;
        else if (len > 2 && path[len - 1] == '.' && path[len - 2] == '/')
            len--;
        else
            break;
    }
    path[len] = '\0';
}

/* The absolute path of a folder that is not there yet. */
static int resolve_new(char *path, char full[static PATH_MAX])
{
    char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t used;

    if (!strcmp(name, "..") || !strcmp(name, ".") || !*name) {
        errno = ENOENT;
        return -1;
    }
    if (slash == path || !slash) {
        if (!realpath(slash ? "/" : ".", full))
            return -1;
    } else {
        *slash = '\0';
        if (make_folders(path) != 0 || !realpath(path, full))
            return -1;
    }
    used = strlen(full);
    if (used == 1)
        used = 0;
    if (used + strlen(name) + 2 > PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    full[used] = '/';
    memcpy(full + used + 1, name, strlen(name) + 1);
    return 0;
}

/* Sets name and opens the parent; path is t->path, trimmed, and is changed. */
static int split(struct target *t, char *path, struct error *err)
{
    char full[PATH_MAX];
    char *slash;
    struct stat st;

    if (!realpath(path, full)) {
        if (errno != ENOENT)
            return target_fail(t, "open", err);
        if (lstat(path, &st) == 0)
            return target_refuse(t, "is a link to nowhere", "",
                                 "choose another place", err);
        if (resolve_new(path, full) != 0)
            return target_fail(t, "create", err);
    }
    slash = strrchr(full, '/');
    t->name = strdup(slash + 1);
    slash[slash == full] = '\0';
    if (!t->name)
        return error_memory(err);
    t->parent = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (t->parent < 0)
        return target_fail(t, "open the folder above", err);
    return 0;
}

int target_find(struct target *t, const char *path, struct error *err)
{
    char *copy = strdup(path);
    int rc;

    *t = (struct target){ .path = strdup(path), .parent = -1 };
    if (!copy || !t->path) {
        rc = error_memory(err);
    } else {
        trim(copy);
        rc = split(t, copy, err);
    }
    free(copy);
    if (rc)
        target_done(t);
    return rc;
}

void target_done(struct target *t)
{
    if (t->parent >= 0)
        close(t->parent);
    free(t->name);
    free(t->path);
    *t = (struct target){ .parent = -1 };
}

bool target_is_dots(const char *name)
{
    return !strcmp(name, ".") || !strcmp(name, "..");
}

/* A stream over a folder's entries that leaves the descriptor alone. */
DIR *target_list(int folder)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir && fd >= 0)
        close(fd);
    return dir;
}

static bool all_digits(const char *text, size_t len)
{
    return strspn(text, "0123456789") >= len;
}

/* "model-00001-of-00003.safetensors" */
static bool is_shard(const char *name)
{
    return strlen(name) == 32 && !strncmp(name, "model-", 6) &&
           all_digits(name + 6, 5) && !strncmp(name + 11, "-of-", 4) &&
           all_digits(name + 15, 5) && !strcmp(name + 20, ".safetensors");
}

bool target_is_output(const char *name)
{
    static const char *const names[] = { "model.safetensors",
                                         "model.safetensors.index.json",
                                         "config.json",
                                         "generation_config.json" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return true;
    return is_shard(name);
}

/*
 * Counts the entries of a folder; stranger is the name of one that is not a
 * regular file, "" if there is none.
 */
static int survey(int folder, size_t *entries,
                  char stranger[static NAME_MAX + 1])
{
    DIR *dir = target_list(folder);
    const struct dirent *entry;
    struct stat st;

    *entries = 0;
    stranger[0] = '\0';
    if (!dir)
        return -1;
    while ((entry = readdir(dir)) != NULL) {
        if (target_is_dots(entry->d_name))
            continue;
        ++*entries;
        if (fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(st.st_mode))
            snprintf(stranger, NAME_MAX + 1, "%s", entry->d_name);
    }
    closedir(dir);
    return 0;
}

/* A mount point, even of the same file system, cannot be renamed. */
static bool is_mount_point(const struct target *t, int folder)
{
#ifdef STATX_ATTR_MOUNT_ROOT
    struct statx stx;

    if (statx(folder, "", AT_EMPTY_PATH, STATX_TYPE, &stx) == 0 &&
        stx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)
        return stx.stx_attributes & STATX_ATTR_MOUNT_ROOT;
#endif
    struct stat here, above;

    return fstat(folder, &here) == 0 && fstat(t->parent, &above) == 0 &&
           (here.st_dev != above.st_dev || here.st_ino == above.st_ino);
}

int target_refuse(const struct target *t, const char *why, const char *which,
                  const char *hint, struct error *err)
{
    error_set(err, ERR_EXISTS, "%.300s %s%.100s", t->path, why, which);
    error_subject(err, "%s", t->path);
    return error_hint(err, "%s", hint);
}

/* What an open folder at the path is, if it may be replaced. */
static int judge(const struct target *t, int folder, bool overwrite,
                 enum target_kind *out, struct error *err)
{
    char stranger[NAME_MAX + 1];
    size_t entries;

    if (is_mount_point(t, folder))
        return target_refuse(t, "is a mount point, which cannot be replaced",
                             "", "name a folder inside it", err);
    if (survey(folder, &entries, stranger) != 0)
        return target_fail(t, "look into", err);
    if (entries == 0) {
        *out = TARGET_EMPTY;
        return 0;
    }
    if (!overwrite)
        return target_refuse(t, "exists and is not empty", "",
                             "choose another folder, or replace the model in it"
                             " with --overwrite",
                             err);
    if (*stranger)
        return target_refuse(t,
                             "is not overwritten, since it holds more than "
                             "files: ",
                             stranger, "choose another folder", err);
    *out = TARGET_FILES;
    return 0;
}

int target_look(const struct target *t, bool overwrite, enum target_kind *out,
                struct error *err)
{
    int folder;
    int rc;

    if (!*t->name)
        return target_refuse(t, "is the root of all folders", "",
                             "name a folder inside it", err);
    folder = openat(t->parent, t->name,
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0 && errno == ENOENT) {
        *out = TARGET_ABSENT;
        return 0;
    }
    if (folder < 0 && (errno == ENOTDIR || errno == ELOOP))
        return target_refuse(t, "exists and is not a folder", "",
                             "choose another place", err);
    if (folder < 0)
        return target_fail(t, "look into", err);
    rc = judge(t, folder, overwrite, out, err);
    close(folder);
    return rc;
}
