/*
 * Intake: names, counts and bytes of an upload, checked as they come.
 *
 * Files are created relative to a descriptor of the folder, O_EXCL and
 * O_NOFOLLOW. A checked name has no "..", and the folder holds only what was
 * created here, plain files and folders, so no name can lead out of it and a
 * second file of the same name is an error, not an overwrite. Free space is
 * looked at every now and then, so that an upload cannot fill the disk that
 * others need.
 */
#include "store/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/num.h"
#include "store/store.h"

/* How much is written between two looks at the free space. */
#define SPACE_STRIDE ((uint64_t)16 << 20)

struct intake {
    struct intake_limits limits;
    int dir;
    int file;            /* -1 between files and while one is skipped */
    uint64_t bytes;      /* so far */
    uint64_t entries;    /* so far */
    uint64_t files;      /* so far */
    uint64_t stored;     /* bytes that were written */
    uint64_t next_look;  /* at this many bytes */
    uint64_t begun_at;   /* bytes stored when the file began */
    struct sha256 *hash; /* NULL: nobody wants it */
    char name[STORE_NAME_MAX + 1]; /* of the file being written */
};

int intake_open(const char *folder, const struct intake_limits *limits,
                struct intake **out, struct error *err)
{
    struct intake *in = calloc(1, sizeof *in);

    if (!in)
        return error_memory(err);
    in->limits = *limits;
    in->file = -1;
    in->dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (in->dir < 0) {
        free(in);
        return error_errno(err, ERR_WRITE, errno, "cannot open the folder %s",
                           folder);
    }
    *out = in;
    return 0;
}

void intake_free(struct intake *in)
{
    if (!in)
        return;
    if (in->file >= 0)
        close(in->file);
    close(in->dir);
    sha256_free(in->hash);
    free(in);
}

int intake_hash(struct intake *in, struct error *err)
{
    return sha256_new(&in->hash, err);
}

int intake_digest(struct intake *in, char out[SHA256_HEX + 1],
                  struct error *err)
{
    struct sha256 *hash = in->hash;

    in->hash = NULL;
    return sha256_finish(hash, out, err);
}

/* A file's name goes before its bytes, with a NUL, and their number behind. */
static void hash_begin(struct intake *in)
{
    in->begun_at = in->stored;
    if (in->hash)
        sha256_add(in->hash, in->name, strlen(in->name) + 1);
}

static void hash_end(struct intake *in)
{
    unsigned char size[8];

    for (unsigned i = 0; i < sizeof size; i++)
        size[i] = (unsigned char)((in->stored - in->begun_at) >> (8 * i));
    if (in->hash)
        sha256_add(in->hash, size, sizeof size);
}

uint64_t intake_files(const struct intake *in)
{
    return in->files;
}

uint64_t intake_stored(const struct intake *in)
{
    return in->stored;
}

static int fail(const struct intake *in, const char *what, struct error *err)
{
    enum error_code code = errno == ENOSPC || errno == EDQUOT ? ERR_SPACE
                           : errno == ENAMETOOLONG            ? ERR_PATH
                                                              : ERR_WRITE;

    error_errno(err, code, errno, "cannot %s %.200s", what, in->name);
    return error_subject(err, "%s", in->name);
}

static int refuse_twice(const struct intake *in, struct error *err)
{
    error_set(err, ERR_ARCHIVE, "%.200s is there more than once", in->name);
    error_subject(err, "%s", in->name);
    return error_hint(err, "give each name once");
}

/* Copies a name without "./" in front and '/' behind, and checks it. */
static int take_name(struct intake *in, const char *name, struct error *err)
{
    size_t len;

    while (name[0] == '.' && name[1] == '/')
        name += 2 + strspn(name + 2, "/");
    len = strlen(name);
    while (len > 1 && name[len - 1] == '/')
        len--;
    if (len >= sizeof in->name || len > in->limits.path) {
        error_set(err, ERR_LIMIT, "a name is too long: %.200s...", name);
        error_expected(
            err, "at most %llu bytes",
            (unsigned long long)num_min(in->limits.path, STORE_NAME_MAX));
        return error_actual(err, "%zu bytes", len);
    }
    memcpy(in->name, name, len);
    in->name[len] = '\0';
    return store_check_name(in->name, err);
}

static int count_entry(struct intake *in, struct error *err)
{
    if (in->entries++ < in->limits.entries)
        return 0;
    error_set(err, ERR_LIMIT, "there are too many files and folders");
    error_subject(err, "%s", in->name);
    return error_expected(err, "at most %llu",
                          (unsigned long long)in->limits.entries);
}

static int make_folder(struct intake *in, const char *name, struct error *err)
{
    struct stat st;

    if (mkdirat(in->dir, name, 0700) == 0)
        return count_entry(in, err);
    if (errno != EEXIST)
        return fail(in, "make a folder for", err);
    if (fstatat(in->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISDIR(st.st_mode))
        return 0;
    return refuse_twice(in, err);
}

/* Makes the folders that lead to in->name. */
static int make_parents(struct intake *in, struct error *err)
{
    char *slash = in->name;
    int rc = 0;

    while (!rc) {
        slash = strchr(slash, '/');
        if (!slash)
            break;
        *slash = '\0';
        rc = make_folder(in, in->name, err);
        *slash++ = '/';
    }
    return rc;
}

static bool is_state(const char *name)
{
    const char *component = name;

    while (component) {
        if (!strncmp(component, "state.", 6))
            return true;
        component = strchr(component, '/');
        if (component)
            component++;
    }
    return false;
}

int intake_folder(struct intake *in, const char *name, struct error *err)
{
    int rc;

    if (!strcmp(name, ".") || !strcmp(name, "./"))
        return 0;
    rc = take_name(in, name, err);
    if (!rc && is_state(in->name))
        rc = count_entry(in, err);
    else if (!rc)
        rc = make_parents(in, err);
    if (!rc && !is_state(in->name))
        rc = make_folder(in, in->name, err);
    return rc;
}

static int refuse_size(const struct intake *in, struct error *err)
{
    error_set(err, ERR_LIMIT, "the files are larger than allowed");
    error_subject(err, "%s", in->name);
    return error_expected(err, "at most %llu bytes, unpacked",
                          (unsigned long long)in->limits.bytes);
}

static int open_file(struct intake *in, struct error *err)
{
    static const int flags =
        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int rc = 0;

    in->file = openat(in->dir, in->name, flags, 0600);
    if (in->file < 0 && errno == ENOENT) {
        rc = make_parents(in, err);
        if (!rc)
            in->file = openat(in->dir, in->name, flags, 0600);
    }
    if (rc || in->file >= 0)
        return rc;
    if (errno == EEXIST || errno == ENOTDIR)
        return refuse_twice(in, err);
    return fail(in, "create", err);
}

int intake_begin(struct intake *in, const char *name, uint64_t size,
                 struct error *err)
{
    int rc = take_name(in, name, err);

    if (!rc)
        rc = count_entry(in, err);
    if (!rc && size > in->limits.bytes - in->bytes)
        rc = refuse_size(in, err);
    if (!rc && !is_state(in->name))
        rc = open_file(in, err);
    if (rc)
        return rc;
    in->files++;
    if (in->file >= 0)
        hash_begin(in);
    return 0;
}

static int look_at_space(struct intake *in, struct error *err)
{
    struct statvfs fs;
    uint64_t left;

    if (in->bytes < in->next_look)
        return 0;
    in->next_look = in->bytes + SPACE_STRIDE;
    if (fstatvfs(in->dir, &fs) != 0)
        return fail(in, "look at the space for", err);
    if (!num_mul(fs.f_bavail, fs.f_frsize, &left) || left > in->limits.reserve)
        return 0;
    error_set(err, ERR_SPACE, "the disk is too full for this upload");
    error_expected(err, "%llu bytes left free",
                   (unsigned long long)in->limits.reserve);
    return error_actual(err, "%llu bytes", (unsigned long long)left);
}

int intake_write(struct intake *in, const void *data, size_t len,
                 struct error *err)
{
    const unsigned char *p = data;
    ssize_t n;
    int rc;

    if (len > in->limits.bytes - in->bytes)
        return refuse_size(in, err);
    in->bytes += len;
    if (in->file < 0)
        return 0;
    rc = look_at_space(in, err);
    while (!rc && len > 0) {
        n = write(in->file, p, len);
        if (n < 0 && errno != EINTR)
            rc = fail(in, "write", err);
        if (n > 0) {
            if (in->hash)
                sha256_add(in->hash, p, (size_t)n);
            p += n;
            len -= (size_t)n;
            in->stored += (uint64_t)n;
        }
    }
    return rc;
}

int intake_end(struct intake *in, struct error *err)
{
    int file = in->file;

    in->file = -1;
    if (file >= 0)
        hash_end(in);
    if (file >= 0 && close(file) != 0)
        return fail(in, "write", err);
    return 0;
}
