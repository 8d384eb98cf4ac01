/*
 * A local folder as a sink.
 *
 * Files are made in a hidden sibling of the folder (place.c), with all their
 * space reserved by fallocate(), so that a full disk is found before the work
 * is done. With a buffer, long stretches are written behind, past the page
 * cache (writer.c). A file is durable once closed: a failed fsync() is final,
 * since the kernel may have dropped the pages that it could not write. What
 * passed through the page cache leaves it then, so that a conversion does not
 * push out what other programs keep there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/num.h"
#include "store/place.h"
#include "store/sink.h"
#include "store/writer.h"

struct folder_file {
    struct sink_file base;
    struct writer_file out;
};

struct folder {
    struct sink base;
    struct place place;
    bool beside;           /* files are published beside those of others */
    struct writer *writer; /* NULL: all is written at once */
};

static const struct place *place_of(const struct sink *s)
{
    return &((const struct folder *)s)->place;
}

static struct writer *writer_of(const struct sink *s)
{
    return ((const struct folder *)s)->writer;
}

/* Bytes that a file system has for this user; UINT64_MAX if it cannot tell. */
static uint64_t available(const struct sink *s)
{
    struct statvfs v;
    uint64_t bytes;

    if (fstatvfs(place_of(s)->folder, &v) != 0 ||
        !num_mul(v.f_bavail, v.f_frsize, &bytes))
        return UINT64_MAX;
    return bytes;
}

static int no_space(const struct sink *s, const char *what, uint64_t need,
                    struct error *err)
{
    uint64_t have = available(s);
    char text[2][32];

    error_set(err, ERR_SPACE,
              "%.100s needs %s (%llu bytes), and %.200s has room for %s", what,
              num_format_size(need, text[0]), (unsigned long long)need,
              place_of(s)->target.path,
              have == UINT64_MAX ? "less" : num_format_size(have, text[1]));
    error_subject(err, "%s", place_of(s)->target.path);
    error_expected(err, "%llu bytes", (unsigned long long)need);
    if (have != UINT64_MAX)
        error_actual(err, "%llu bytes", (unsigned long long)have);
    return error_hint(err, "free some space, or choose another disk");
}

static int fail(const struct sink *s, const char *what, const char *name,
                uint64_t size, struct error *err)
{
    int errnum = errno;

    if (target_no_space(errnum))
        return no_space(s, name, size, err);
    error_errno(err, ERR_WRITE, errnum, "cannot %s %.100s in %.200s", what,
                name, place_of(s)->target.path);
    return error_subject(err, "%s/%s", place_of(s)->target.path, name);
}

static int folder_require(struct sink *s, uint64_t total, struct error *err)
{
    return available(s) < total ? no_space(s, "the output", total, err) : 0;
}

/* A piece for each thread, and two that are on their way. */
static uint64_t folder_buffer(struct sink *s, uint64_t most, unsigned threads)
{
    struct folder *f = (struct folder *)s;
    unsigned pieces =
        (unsigned)num_min(most / WRITER_PIECE, (uint64_t)threads + 2);

    if (pieces < 2 || f->writer || writer_new(pieces, &f->writer, NULL) != 0)
        return 0;
    return (uint64_t)pieces * WRITER_PIECE;
}

/*
 * The largest models have more files than the usual soft limit of 1,024;
 * programs may raise it up to the hard one.
 */
static int open_new(int folder, const char *name)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    int fd = openat(folder, name, flags, 0666);
    struct rlimit limit;

    if (fd >= 0 || errno != EMFILE || getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
        limit.rlim_cur == limit.rlim_max)
        return fd;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return -1;
    return openat(folder, name, flags, 0666);
}

/* Reserves blocks; at least the size, where the file system cannot. */
static int reserve(const struct sink *s, int fd, uint64_t size)
{
    if (size == 0)
        return 0;
    if (size > INT64_MAX) {
        errno = EFBIG;
        return -1;
    }
    while (fallocate(fd, 0, 0, (off_t)size) != 0) {
        if (errno == EINTR)
            continue;
        if (errno != EOPNOTSUPP && errno != ENOSYS)
            return -1;
        if (available(s) < size) {
            errno = ENOSPC;
            return -1;
        }
        return ftruncate(fd, (off_t)size);
    }
    return 0;
}

static int folder_create(struct sink *s, const char *name, uint64_t size,
                         struct sink_file **out, struct error *err)
{
    struct folder_file *f = calloc(1, sizeof *f);
    int rc;

    if (!f)
        return error_memory(err);
    f->out.direct = -1;
    f->out.fd = open_new(place_of(s)->folder, name);
    if (f->out.fd < 0) {
        rc = fail(s, "create", name, size, err);
        free(f);
        return rc;
    }
    if (reserve(s, f->out.fd, size) != 0) {
        rc = fail(s, "reserve space for", name, size, err);
        close(f->out.fd);
        unlinkat(place_of(s)->folder, name, 0);
        free(f);
        return rc;
    }
    if (writer_of(s))
        writer_open_direct(&f->out, place_of(s)->folder, name);
    *out = &f->base;
    return 0;
}

static int folder_write(struct sink_file *f, uint64_t offset, const void *data,
                        size_t len, struct error *err)
{
    struct writer_file *out = &((struct folder_file *)f)->out;
    struct writer *w = writer_of(f->sink);

    errno = w ? writer_put(w, out, offset, data, len)
              : writer_plain(out->fd, offset, data, len);
    return errno ? fail(f->sink, "write", f->name, f->size, err) : 0;
}

static int folder_close(struct sink_file *f, struct error *err)
{
    struct folder_file *file = (struct folder_file *)f;
    struct writer_file *out = &file->out;
    int rc = 0;

    errno = writer_of(f->sink) ? writer_finish(writer_of(f->sink), out) : 0;
    if (errno)
        rc = fail(f->sink, "write", f->name, f->size, err);
    if (!rc && fsync(out->fd) != 0)
        rc = fail(f->sink, "make durable", f->name, f->size, err);
    if (!rc)
        posix_fadvise(out->fd, 0, 0, POSIX_FADV_DONTNEED);
    if (out->direct >= 0)
        close(out->direct);
    if (close(out->fd) != 0 && !rc && errno != EINTR)
        rc = fail(f->sink, "close", f->name, f->size, err);
    free(file);
    return rc;
}

static void folder_drop(struct sink_file *f)
{
    struct folder_file *file = (struct folder_file *)f;

    if (writer_of(f->sink))
        writer_drop(writer_of(f->sink), &file->out);
    if (file->out.direct >= 0)
        close(file->out.direct);
    close(file->out.fd);
    free(file);
}

/*
 * Files are durable, so their pages can be dropped: what is then read comes
 * from the disk, as far as the system lets go of them.
 */
static int folder_reread(struct sink *s, struct store **out, struct error *err)
{
    int folder = place_of(s)->folder;
    DIR *dir = target_list(folder);
    const struct dirent *entry;
    int fd;

    if (!dir)
        return fail(s, "list", "the files", 0, err);
    for (entry = readdir(dir); entry; entry = readdir(dir)) {
        fd = openat(folder, entry->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            continue;
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        close(fd);
    }
    closedir(dir);
    return store_local_open_at(folder, ".", place_of(s)->target.path, out, err);
}

static int folder_publish(struct sink *s, struct error *err)
{
    struct folder *f = (struct folder *)s;

    return f->beside ? place_publish_beside(&f->place, err)
                     : place_publish(&f->place, err);
}

static void folder_free(struct sink *s)
{
    writer_free(writer_of(s));
    place_done(&((struct folder *)s)->place);
    free(s);
}

static const struct sink_ops folder_ops = {
    .require = folder_require,
    .buffer = folder_buffer,
    .create = folder_create,
    .write = folder_write,
    .close = folder_close,
    .drop = folder_drop,
    .reread = folder_reread,
    .publish = folder_publish,
    .free = folder_free,
};

int sink_folder_open(const char *path, bool overwrite, struct sink **out,
                     struct error *err)
{
    struct folder *f = calloc(1, sizeof *f);
    int rc;

    if (!f)
        return error_memory(err);
    f->base.ops = &folder_ops;
    rc = place_open(&f->place, path, overwrite, err);
    if (rc) {
        free(f);
        return rc;
    }
    *out = &f->base;
    return 0;
}

int sink_folder_open_beside(const char *path, struct sink **out,
                            struct error *err)
{
    int rc = sink_folder_open(path, false, out, err);

    if (!rc)
        ((struct folder *)*out)->beside = true;
    return rc;
}
