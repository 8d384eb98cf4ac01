/*
 * The file is unlinked before anything is in it, so however the program ends
 * nothing stays behind. Its space is taken at once: a full disk is found before
 * the work, not in the middle of it.
 */
#include "store/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/store.h"

struct spool {
    int fd;
};

/* Where O_TMPFILE is not known, a name that does not last. */
static int open_named(const char *folder)
{
    char path[STORE_NAME_MAX];
    int n = snprintf(path, sizeof path, "%s/switchyard-XXXXXX", folder);
    int fd;

    if (n < 0 || (size_t)n >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static int open_file(const char *folder)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
        fd = open_named(folder);
    return fd;
}

/* Where the file system cannot, the space is taken as it is written to. */
static int reserve(int fd, uint64_t bytes)
{
    if (bytes > INT64_MAX) {
        errno = EFBIG;
        return -1;
    }
    if (fallocate(fd, 0, 0, (off_t)bytes) == 0 || errno == EOPNOTSUPP)
        return 0;
    return -1;
}

static int failed(const char *what, struct error *err)
{
    return error_errno(err, errno == ENOSPC ? ERR_SPACE : ERR_WRITE, errno,
                       "a temporary file cannot be %s", what);
}

int spool_new(uint64_t bytes, struct spool **out, struct error *err)
{
    const char *folder = secure_getenv("TMPDIR");
    struct spool *s = malloc(sizeof *s);
    int rc = 0;

    if (!s)
        return error_memory(err);
    s->fd = open_file(folder && *folder ? folder : "/var/tmp");
    if (s->fd < 0)
        rc = failed("made", err);
    else if (reserve(s->fd, bytes) != 0)
        rc = failed("made so large", err);
    if (rc)
        spool_free(s);
    else
        *out = s;
    return rc;
}

void spool_free(struct spool *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    free(s);
}

int spool_write(struct spool *s, uint64_t offset, const void *data, size_t len,
                struct error *err)
{
    const unsigned char *p = data;
    ssize_t n;

    while (len > 0) {
        n = pwrite(s->fd, p, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed("written to", err);
        p += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

int spool_read(struct spool *s, uint64_t offset, void *data, size_t len,
               struct error *err)
{
    unsigned char *p = data;
    ssize_t n;

    while (len > 0) {
        n = pread(s->fd, p, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = EIO;
        if (n <= 0)
            return failed("read", err);
        p += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}
