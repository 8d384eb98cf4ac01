/*
 * tar, for reading out a folder.
 *
 * An archive is a row of members, each a header, the file's bytes and zeros up
 * to a full block; two blocks of zeros end it. So any position is found by
 * arithmetic, and a member's file is opened only while it is read. Headers come
 * from libarchive: ustar, preceded by a pax header where a size or name needs
 * one.
 */
#include "store/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"

enum { BLOCK = 512, END_BYTES = 2 * BLOCK, HEADER_MAX = 1 << 16 };

struct member {
    char *name;
    uint64_t start; /* of its header, in the archive */
    uint64_t data;  /* of its bytes, in the archive */
    uint64_t size;
    struct buf header;
    int fd; /* the file, -1: of that name in the folder */
};

struct tar {
    int dir;
    struct member *members;
    size_t count;
    uint64_t end;     /* of the last member: there the zeros begin */
    size_t open;      /* the member that file is open for */
    int file;         /* or -1 */
    tar_read_fn read; /* NULL: members are files */
    void *ctx;
};

struct capture {
    struct buf *out;
    bool full; /* the header is there: nothing more is wanted */
};

static la_ssize_t keep(struct archive *a, void *ctx, const void *data,
                       size_t len)
{
    struct capture *c = ctx;

    if (!c->full)
        buf_append(c->out, data, len);
    if (!c->full && !c->out->failed)
        return (la_ssize_t)len;
    archive_set_error(a, ENOSPC, "no room");
    return -1;
}

static int write_header(struct archive *a, struct archive_entry *entry,
                        struct capture *c, struct error *err)
{
    if (archive_write_set_format_pax_restricted(a) == ARCHIVE_OK &&
        archive_write_set_bytes_per_block(a, 0) == ARCHIVE_OK &&
        archive_write_open(a, c, NULL, keep, NULL) == ARCHIVE_OK &&
        archive_write_header(a, entry) == ARCHIVE_OK)
        return buf_status(c->out, err);
    return error_set(err, ERR_INTERNAL, "cannot make a tar header: %s",
                     archive_error_string(a));
}

int tar_write_header(const char *name, uint64_t size, struct buf *out,
                     struct error *err)
{
    struct capture c = { .out = out };
    struct archive *a = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    int rc;

    if (a && entry) {
        archive_entry_set_pathname(entry, name);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, (la_int64_t)size);
        archive_entry_set_mtime(entry, 0, 0);
        rc = write_header(a, entry, &c, err);
    } else {
        rc = error_memory(err);
    }
    /* Closing would write the file's missing bytes: the first one fails. */
    c.full = true;
    archive_write_free(a);
    archive_entry_free(entry);
    return rc;
}

int tar_open(const char *folder, struct tar **out, struct error *err)
{
    struct tar *t = calloc(1, sizeof *t);

    if (!t)
        return error_memory(err);
    t->file = -1;
    t->dir = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (folder && t->dir < 0) {
        free(t);
        return error_errno(err, ERR_READ, errno, "cannot open the folder %s",
                           folder);
    }
    *out = t;
    return 0;
}

int tar_open_made(tar_read_fn read, void *ctx, struct tar **out,
                  struct error *err)
{
    struct tar *t = NULL;
    int rc = tar_open(NULL, &t, err);

    if (rc)
        return rc;
    t->read = read;
    t->ctx = ctx;
    *out = t;
    return 0;
}

void tar_free(struct tar *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->count; i++) {
        free(t->members[i].name);
        buf_done(&t->members[i].header);
        if (t->members[i].fd >= 0)
            close(t->members[i].fd);
    }
    free(t->members);
    if (t->file >= 0)
        close(t->file);
    if (t->dir >= 0)
        close(t->dir);
    free(t);
}

static int add(struct tar *t, const char *name, uint64_t size, int fd,
               struct error *err)
{
    struct member m = {
        .start = t->end, .size = size, .fd = fd, .header = BUF_INIT(HEADER_MAX)
    };
    struct member *members =
        realloc(t->members, (t->count + 1) * sizeof *members);
    int rc;

    if (!members)
        return error_memory(err);
    t->members = members;
    m.name = strdup(name);
    rc = m.name ? tar_write_header(name, size, &m.header, err)
                : error_memory(err);
    if (rc) {
        free(m.name);
        buf_done(&m.header);
        return rc;
    }
    m.data = m.start + m.header.len;
    t->end = m.data + num_ceil_div(size, BLOCK) * BLOCK;
    t->members[t->count++] = m;
    return 0;
}

int tar_add(struct tar *t, const char *name, uint64_t size, struct error *err)
{
    return add(t, name, size, -1, err);
}

int tar_add_steal(struct tar *t, const char *name, uint64_t size, int fd,
                  struct error *err)
{
    int rc = add(t, name, size, fd, err);

    if (rc)
        close(fd);
    return rc;
}

uint64_t tar_size(const struct tar *t)
{
    return t->end + END_BYTES;
}

/* The member whose bytes, from header to padding, hold position at. */
static size_t find(const struct tar *t, uint64_t at)
{
    size_t low = 0;
    size_t high = t->count;
    size_t middle;

    while (high - low > 1) {
        middle = low + (high - low) / 2;
        if (t->members[middle].start <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The descriptor of a member: its own, or that of the file opened last. */
static int open_member(struct tar *t, size_t i)
{
    if (t->members[i].fd >= 0)
        return t->members[i].fd;
    if (t->file < 0 || t->open != i) {
        if (t->file >= 0)
            close(t->file);
        t->open = i;
        t->file = openat(t->dir, t->members[i].name,
                         O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    }
    return t->file;
}

static int read_member(struct tar *t, size_t i, uint64_t offset, void *dst,
                       size_t len, size_t *got, struct error *err)
{
    const char *name = t->members[i].name;
    ssize_t n;
    int fd;

    if (t->read) {
        *got = len;
        return t->read(t->ctx, i, offset, dst, len, err);
    }
    fd = open_member(t, i);
    if (fd < 0)
        return error_errno(err, ERR_READ, errno, "cannot open %s", name);
    do
        n = pread(fd, dst, len, (off_t)offset);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return error_errno(err, ERR_READ, errno, "cannot read %s", name);
    if (n == 0)
        return error_set(err, ERR_READ, "%s ends too early", name);
    *got = (size_t)n;
    return 0;
}

int tar_read(struct tar *t, uint64_t at, void *dst, size_t len, size_t *got,
             struct error *err)
{
    const struct member *m;
    uint64_t next = tar_size(t);
    size_t i = find(t, at);

    if (t->count > 0) {
        m = &t->members[i];
        if (at < m->data) {
            *got = (size_t)num_min(len, m->data - at);
            memcpy(dst, m->header.data + (at - m->start), *got);
            return 0;
        }
        if (at - m->data < m->size)
            return read_member(t, i, at - m->data, dst,
                               (size_t)num_min(len, m->size - (at - m->data)),
                               got, err);
        if (i + 1 < t->count)
            next = t->members[i + 1].start;
    }
    *got = (size_t)num_min(len, next - at);
    memset(dst, 0, *got);
    return 0;
}
