/*
 * The local folder as a store.
 *
 * Files are opened relative to a descriptor of the folder, so renaming the
 * folder while it is read does no harm. Links inside it are followed: model
 * caches are built of them. Folders of strangers (unpacked uploads) hold none,
 * since unpacking refuses them. Where strangers choose what is read, the kernel
 * sees to it that no link leads out (openat2).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "store/local_ahead.h"
#include "store/store.h"

struct local {
    struct store base;
    int dir;
    struct local_ahead ahead;
    bool beneath; /* links lead nowhere else */
};

static int open_at(const struct local *l, const char *name, int flags)
{
    struct open_how how = { .flags = (unsigned)flags | O_CLOEXEC,
                            .resolve =
                                RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };

    if (!l->beneath)
        return openat(l->dir, name, flags | O_CLOEXEC);
    return (int)syscall(SYS_openat2, l->dir, name, &how, sizeof how);
}

static int fail(const struct store *s, const char *name, const char *what,
                struct error *err)
{
    int errnum = errno;
    bool absent = errnum == ENOENT || errnum == ENOTDIR;

    error_errno(err, absent ? ERR_NOT_FOUND : ERR_READ, errnum,
                "cannot %s %.150s in %.150s", what, *name ? name : "folder",
                s->label);
    return error_subject(err, "%s", name);
}

static int open_file(struct store *s, const char *name, int *fd, off_t *size,
                     struct error *err)
{
    const struct local *l = (const struct local *)s;
    struct stat st;
    int file = open_at(l, name, O_RDONLY | O_NONBLOCK);

    if (file < 0)
        return fail(s, name, "open", err);
    if (fstat(file, &st) != 0) {
        fail(s, name, "look at", err);
        close(file);
        return ERR_READ;
    }
    if (!S_ISREG(st.st_mode)) {
        close(file);
        error_set(err, ERR_NOT_FOUND, "%.150s in %.150s is not a file", name,
                  s->label);
        return error_subject(err, "%s", name);
    }
    *fd = file;
    *size = st.st_size;
    return 0;
}

static int read_fully(struct store *s, int fd, const char *name,
                      uint64_t offset, void *dst, size_t len, struct error *err)
{
    unsigned char *p = dst;
    ssize_t n;

    while (len > 0) {
        n = pread(fd, p, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(s, name, "read", err);
        if (n == 0) {
            error_set(err, ERR_READ, "%.200s ends %zu bytes too early", name,
                      len);
            return error_subject(err, "%s", name);
        }
        p += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

static int local_size(struct store *s, const char *name, uint64_t *size,
                      struct error *err)
{
    int fd = -1;
    off_t bytes = 0;
    int rc = open_file(s, name, &fd, &bytes, err);

    if (rc)
        return rc;
    close(fd);
    *size = (uint64_t)bytes;
    return 0;
}

/* Opens a file for a read from offset on, unless that was told of. */
static int begin(struct store *s, const char *name, uint64_t offset,
                 struct told *t, struct error *err)
{
    off_t size = 0;

    if (local_ahead_take(&((struct local *)s)->ahead, name, offset, t))
        return 0;
    *t = (struct told){ .offset = offset };
    return open_file(s, name, &t->fd, &size, err);
}

static int local_read(struct store *s, const char *name, uint64_t offset,
                      void *dst, size_t len, struct error *err)
{
    struct told t;
    int rc = begin(s, name, offset, &t, err);

    if (rc)
        return rc;
    rc = read_fully(s, t.fd, name, offset, dst, len, err);
    told_done(&t);
    return rc;
}

/* The size of what is open, and room for it in b. */
static int make_room(struct store *s, int fd, const char *name, uint64_t max,
                     struct buf *b, struct error *err)
{
    struct stat st;

    buf_clear(b);
    if (fstat(fd, &st) != 0)
        return fail(s, name, "look at", err);
    if ((uint64_t)st.st_size <= max)
        return buf_resize(b, (size_t)st.st_size, err);
    error_set(err, ERR_LIMIT, "%.200s is too large", name);
    error_subject(err, "%s", name);
    error_expected(err, "at most %llu bytes", (unsigned long long)max);
    return error_actual(err, "%llu bytes", (unsigned long long)st.st_size);
}

static int local_get(struct store *s, const char *name, uint64_t max,
                     struct buf *b, struct error *err)
{
    struct told t;
    int rc = begin(s, name, 0, &t, err);

    if (rc)
        return rc;
    rc = make_room(s, t.fd, name, max, b, err);
    if (!rc)
        rc = read_fully(s, t.fd, name, 0, b->data, b->len, err);
    told_done(&t);
    return rc;
}

static bool local_soon(struct store *s, enum store_soon what, const char *name,
                       uint64_t offset, uint64_t len)
{
    struct local *l = (struct local *)s;

    if (what == STORE_SOON_SIZE || len < LOCAL_AHEAD_LEAST)
        return true;
    return local_ahead_tell(&l->ahead, l->dir, name, offset,
                            what == STORE_SOON_GET ? UINT64_MAX : len);
}

/* The page cache is no memory of this process. */
static uint64_t local_set_ahead(struct store *s, uint64_t bytes)
{
    local_ahead_set(&((struct local *)s)->ahead, bytes);
    return 0;
}

static bool is_folder(int dir, const struct dirent *entry)
{
    struct stat st;

    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
        return entry->d_type == DT_DIR;
    return fstatat(dir, entry->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

static int local_list(struct store *s, const char *folder, store_entry_fn fn,
                      void *ctx, struct error *err)
{
    const struct local *l = (const struct local *)s;
    int fd = open_at(l, *folder ? folder : ".", O_RDONLY | O_DIRECTORY);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    int rc = 0;

    if (!dir) {
        fail(s, folder, "list", err);
        if (fd >= 0)
            close(fd);
        return (int)(err ? err->code : ERR_READ);
    }
    errno = 0;
    while (!rc && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            rc = fn(ctx, entry->d_name, is_folder(dirfd(dir), entry), err);
        errno = 0;
    }
    if (!rc && errno != 0)
        rc = fail(s, folder, "list", err);
    closedir(dir);
    return rc;
}

static void local_free(struct store *s)
{
    struct local *l = (struct local *)s;

    local_ahead_done(&l->ahead);
    close(l->dir);
    free(l);
}

static const struct store_ops local_ops = {
    .size = local_size,
    .read = local_read,
    .get = local_get,
    .list = local_list,
    .soon = local_soon,
    .set_ahead = local_set_ahead,
    .free = local_free,
};

static int open_folder(int folder, const char *path, const char *label,
                       bool beneath, struct store **out, struct error *err)
{
    struct local *l = calloc(1, sizeof *l);
    bool absent;

    if (!l || local_ahead_init(&l->ahead) != 0) {
        free(l);
        return error_memory(err);
    }
    l->base.ops = &local_ops;
    l->beneath = beneath;
    l->base.label = strdup(label);
    l->dir = openat(folder, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (l->base.label && l->dir >= 0) {
        *out = &l->base;
        return 0;
    }
    absent = errno == ENOENT || errno == ENOTDIR;
    if (!l->base.label)
        error_memory(err);
    else
        error_errno(err, absent ? ERR_NOT_FOUND : ERR_READ, errno,
                    "cannot open the folder %.300s", label);
    if (l->dir >= 0)
        close(l->dir);
    local_ahead_done(&l->ahead);
    free(l->base.label);
    free(l);
    return err ? (int)err->code : ERR_READ;
}

int store_local_open(const char *path, struct store **out, struct error *err)
{
    return open_folder(AT_FDCWD, path, path, false, out, err);
}

int store_local_open_at(int folder, const char *path, const char *label,
                        struct store **out, struct error *err)
{
    return open_folder(folder, path, label, false, out, err);
}

int store_local_open_beneath(const char *path, struct store **out,
                             struct error *err)
{
    return open_folder(AT_FDCWD, path, path, true, out, err);
}
