/*
 * Folders and blobs on the disk.
 *
 * Everything is done relative to descriptors, and links are never followed.
 */
#include "uploads/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store.h"

int folder_fail(int errnum, struct error *err, const char *fmt, ...)
{
    bool full = errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG;
    char what[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    error_errno(err, full ? ERR_SPACE : ERR_WRITE, errnum, "%s", what);
    return full ? error_hint(err, "free some space, then go on where it ended")
                : ERR_WRITE;
}

int folder_open(int parent, const char *path, int *fd, struct error *err)
{
    int dir;

    if (mkdirat(parent, path, 0700) != 0 && errno != EEXIST)
        return folder_fail(errno, err, "cannot make the folder %s", path);
    dir = openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return folder_fail(errno, err, "cannot open the folder %s", path);
    *fd = dir;
    return 0;
}

int folder_make_parents(int root, const char *name, struct error *err)
{
    char path[STORE_NAME_MAX + 1];
    size_t len = strlen(name);

    if (len > STORE_NAME_MAX)
        return error_set(err, ERR_PATH, "a name is too long: %.100s...", name);
    memcpy(path, name, len + 1);
    for (char *slash = strchr(path, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdirat(root, path, 0700) != 0 && errno != EEXIST)
            return folder_fail(errno, err, "cannot make the folder %.200s",
                               path);
        *slash = '/';
    }
    return 0;
}

static int remove_entry(int parent, const char *name, unsigned depth,
                        struct error *err);

/* Removes what is in a folder; the descriptor is used up. */
static int empty_folder(int fd, unsigned depth, struct error *err)
{
    DIR *dir = fdopendir(fd);
    const struct dirent *entry;
    int rc = 0;

    if (!dir) {
        rc = folder_fail(errno, err, "cannot list a folder");
        close(fd);
        return rc;
    }
    while (!rc && (entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            rc = remove_entry(dirfd(dir), entry->d_name, depth + 1, err);
    closedir(dir);
    return rc;
}

/* Recursion ends because names nest at most STORE_DEPTH_MAX deep. */
static int remove_entry(int parent, const char *name, unsigned depth,
                        struct error *err)
{
    int fd;
    int rc;

    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (depth > STORE_DEPTH_MAX + 2)
        return error_set(err, ERR_WRITE, "folders nest too deep to be removed");
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return folder_fail(errno, err, "cannot remove %.200s", name);
    rc = empty_folder(fd, depth, err);
    if (!rc && unlinkat(parent, name, AT_REMOVEDIR) != 0)
        rc = folder_fail(errno, err, "cannot remove %.200s", name);
    return rc;
}

int folder_remove(int parent, const char *name, struct error *err)
{
    return remove_entry(parent, name, 0, err);
}

int folder_write(int fd, uint64_t offset, const void *data, size_t len,
                 size_t *done, struct error *err)
{
    const unsigned char *p = data;

    *done = 0;
    while (*done < len) {
        ssize_t n = pwrite(fd, p + *done, len - *done, (off_t)(offset + *done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return folder_fail(errno, err, "cannot write the upload");
        *done += (size_t)n;
    }
    return 0;
}
