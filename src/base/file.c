/*
 * Small files: read into a buffer by blocks, so that pipes work as well; and
 * written beside their place, synced, and renamed.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int file_read(const char *path, struct buf *b, struct error *err)
{
    FILE *f = fopen(path, "rbe");
    unsigned char block[16384];
    size_t n;
    int rc;

    if (!f) {
        error_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_READ, errno,
                    "cannot open %.300s", path);
        return error_subject(err, "%.200s", path);
    }
    do {
        n = fread(block, 1, sizeof block, f);
        buf_append(b, block, n);
    } while (n == sizeof block && !b->failed);
    rc = buf_status(b, err);
    if (ferror(f))
        rc = error_errno(err, ERR_READ, errno, "cannot read %.300s", path);
    if (rc)
        error_subject(err, "%.200s", path);
    fclose(f);
    return rc;
}

static int fail(const char *path, struct error *err)
{
    int errnum = errno;
    enum error_code code =
        errnum == ENOSPC || errnum == EDQUOT ? ERR_SPACE : ERR_WRITE;

    error_errno(err, code, errnum, "cannot write %.300s", path);
    return error_subject(err, "%.200s", path);
}

static int write_all(int fd, const unsigned char *p, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, p, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Syncs the folder that path is in, so that a rename is durable. */
static int sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = strndup(path, slash ? (size_t)(slash - path) + 1 : 0);
    int fd = folder ? open(*folder ? folder : ".",
                           O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                    : -1;
    int rc = fd < 0 ? -1 : fsync(fd);

    if (fd >= 0)
        close(fd);
    free(folder);
    return rc;
}

int file_replace(const char *path, const void *data, size_t len,
                 struct error *err)
{
    char *part = NULL;
    int fd = -1;
    int rc = 0;

    if (asprintf(&part, "%s.part-XXXXXX", path) < 0)
        return error_memory(err);
    fd = mkostemp(part, O_CLOEXEC);
    if (fd < 0) {
        rc = fail(path, err);
        goto out;
    }
    /* mkostemp() makes files for their owner alone. */
    if (write_all(fd, data, len) != 0 || fchmod(fd, 0644) != 0 ||
        fsync(fd) != 0 || rename(part, path) != 0 || sync_folder(path) != 0) {
        rc = fail(path, err);
        unlink(part);
    }
out:
    if (fd >= 0)
        close(fd);
    free(part);
    return rc;
}
