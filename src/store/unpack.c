/*
 * Unpack: libarchive, which pulls, behind an interface that pushes.
 *
 * libarchive runs in a thread of its own. The two threads meet: feed offers its
 * bytes and waits until the reader asks for more, so libarchive reads straight
 * from the sender's buffer and nothing is copied or spooled.
 *
 *     feed                    reader
 *     offered = bytes  --->   takes them
 *     waits                   decodes, writes files
 *     returns          <---   asks for more
 *
 * Two things that libarchive would do are refused: to run a program for a
 * filter that it was built without, and to look through several layers of
 * compression. zip is read from front to back, without its directory, where a
 * link cannot be told from a file; it becomes one, which does no harm.
 * libarchive does not verify gzip's checksum.
 */
#include "store/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { TAR_BLOCK = 512 };

struct unpack {
    struct intake *intake;
    pthread_t thread;
    bool joined;

    /* Only the feeding thread looks at this one. */
    size_t zeros; /* at the end of all bytes so far, at most a block */

    pthread_mutex_t lock;
    pthread_cond_t moved; /* any of these changed: */
    const void *offered;  /* NULL: the reader wants bytes */
    size_t offered_len;
    bool taken;   /* the reader works on what is offered */
    bool ended;   /* no more bytes will come */
    bool abandon; /* the reader shall stop */
    bool done;    /* the reader has stopped, with rc and err: */
    bool is_bare_tar;
    int rc;
    struct error err;
};

/* libarchive asks for bytes: hands back the old ones, waits for new ones. */
static la_ssize_t take_bytes(struct archive *a, void *ctx, const void **data)
{
    struct unpack *u = ctx;
    la_ssize_t len = 0;

    pthread_mutex_lock(&u->lock);
    if (u->taken) {
        u->offered = NULL;
        u->taken = false;
        pthread_cond_broadcast(&u->moved);
    }
    while (!u->offered && !u->ended && !u->abandon)
        pthread_cond_wait(&u->moved, &u->lock);
    if (u->abandon) {
        archive_set_error(a, EIO, "abandoned");
        len = -1;
    } else if (u->offered) {
        u->taken = true;
        *data = u->offered;
        len = (la_ssize_t)u->offered_len;
    }
    pthread_mutex_unlock(&u->lock);
    return len;
}

static int refuse(struct error *err, const char *name, const char *what,
                  const char *hint)
{
    error_set(err, ERR_ARCHIVE, "%.200s in the archive is %s", name, what);
    error_subject(err, "%s", name);
    return hint ? error_hint(err, "%s", hint) : (int)err->code;
}

static int damaged(struct archive *a, const char *name, struct error *err)
{
    const char *why = archive_error_string(a);

    if (archive_format(a) == 0) {
        error_set(err, ERR_MEDIA_TYPE, "the bytes are not an archive");
        return error_expected(err, "tar, tar.gz, tar.zst or zip");
    }
    error_set(err, ERR_ARCHIVE, "the archive is damaged%s%.150s: %.200s",
              name ? " at " : "", name ? name : "", why ? why : "no reason");
    if (name)
        error_subject(err, "%s", name);
    return error_hint(err, "it may have been cut off; pack it again");
}

static int write_entry(struct archive *a, const char *name, struct intake *in,
                       struct error *err)
{
    const void *data = NULL;
    size_t len = 0;
    la_int64_t at = 0;
    la_int64_t done = 0;
    int rc = 0;
    int got;

    while (!rc) {
        got = archive_read_data_block(a, &data, &len, &at);
        if (got == ARCHIVE_EOF)
            return intake_end(in, err);
        if (got != ARCHIVE_OK)
            return damaged(a, name, err);
        if (at != done)
            return refuse(err, name, "a file with holes", NULL);
        rc = intake_write(in, data, len, err);
        done += (la_int64_t)len;
    }
    return rc;
}

static int take_entry(struct archive *a, struct archive_entry *e,
                      struct intake *in, struct error *err)
{
    static const char links[] = "pack what it points to (tar --dereference)";
    const char *name = archive_entry_pathname(e);
    la_int64_t size = archive_entry_size(e);
    int rc;

    if (!name)
        name = archive_entry_pathname_utf8(e);
    if (!name)
        return error_set(err, ERR_PATH, "a name in the archive is not text");
    if (archive_entry_hardlink(e))
        return refuse(err, name, "a hard link", "pack each file once");
    if (archive_entry_filetype(e) == AE_IFDIR)
        return intake_folder(in, name, err);
    if (archive_entry_filetype(e) == AE_IFLNK)
        return refuse(err, name, "a symbolic link", links);
    if (archive_entry_filetype(e) != AE_IFREG)
        return refuse(err, name, "neither a file nor a folder", NULL);
    if (archive_entry_sparse_count(e) > 0)
        return refuse(err, name, "a sparse file", "pack without --sparse");
    if (archive_entry_is_encrypted(e))
        return refuse(err, name, "encrypted", "pack without a password");
    rc = intake_begin(in, name, size > 0 ? (uint64_t)size : 0, err);
    return rc ? rc : write_entry(a, name, in, err);
}

static int read_entries(struct archive *a, struct intake *in, struct error *err)
{
    struct archive_entry *entry = NULL;
    int rc = 0;
    int got;

    while (!rc) {
        got = archive_read_next_header(a, &entry);
        if (got == ARCHIVE_EOF)
            break;
        if (got != ARCHIVE_OK && got != ARCHIVE_WARN)
            return damaged(a, NULL, err);
        rc = take_entry(a, entry, in, err);
    }
    if (!rc && intake_files(in) == 0)
        rc = error_set(err, ERR_ARCHIVE, "the archive holds no file");
    return rc;
}

static int open_archive(struct archive *a, struct unpack *u, struct error *err)
{
    /* A warning means: only by running another program. */
    if (archive_read_support_filter_gzip(a) != ARCHIVE_OK ||
        archive_read_support_filter_zstd(a) != ARCHIVE_OK ||
        archive_read_support_format_tar(a) != ARCHIVE_OK ||
        archive_read_support_format_zip_streamable(a) != ARCHIVE_OK)
        return error_set(err, ERR_INTERNAL, "libarchive lacks a format: %s",
                         archive_error_string(a));
    if (archive_read_open(a, u, NULL, take_bytes, NULL) != ARCHIVE_OK)
        return damaged(a, NULL, err);
    if (archive_filter_count(a) > 2)
        return error_set(err, ERR_ARCHIVE,
                         "the archive is compressed more than once");
    return 0;
}

static void *run(void *ctx)
{
    struct unpack *u = ctx;
    struct archive *a = archive_read_new();
    struct error err = { .code = ERR_OK };
    bool bare_tar = false;
    int rc;

    if (!a) {
        rc = error_memory(&err);
    } else {
        rc = open_archive(a, u, &err);
        if (!rc)
            rc = read_entries(a, u->intake, &err);
        bare_tar = archive_filter_count(a) == 1 &&
                   (archive_format(a) & ARCHIVE_FORMAT_BASE_MASK) ==
                       ARCHIVE_FORMAT_TAR;
        archive_read_free(a);
    }
    pthread_mutex_lock(&u->lock);
    u->done = true;
    u->is_bare_tar = bare_tar;
    u->rc = rc;
    u->err = err;
    pthread_cond_broadcast(&u->moved);
    pthread_mutex_unlock(&u->lock);
    return NULL;
}

int unpack_new(struct intake *in, struct unpack **out, struct error *err)
{
    struct unpack *u = calloc(1, sizeof *u);
    int errnum;

    if (!u)
        return error_memory(err);
    u->intake = in;
    pthread_mutex_init(&u->lock, NULL);
    pthread_cond_init(&u->moved, NULL);
    errnum = pthread_create(&u->thread, NULL, run, u);
    if (errnum) {
        u->joined = true;
        unpack_free(u);
        return error_errno(err, ERR_MEMORY, errnum, "cannot start a thread");
    }
    *out = u;
    return 0;
}

/* Counts the zero bytes at the end, up to a block. */
static void count_zeros(struct unpack *u, const unsigned char *data, size_t len)
{
    size_t n = 0;

    while (n < len && n < TAR_BLOCK && data[len - 1 - n] == 0)
        n++;
    if (n == len)
        n += u->zeros;
    u->zeros = n < TAR_BLOCK ? n : TAR_BLOCK;
}

static int result(const struct unpack *u, struct error *err)
{
    if (u->rc && err)
        *err = u->err;
    return u->rc;
}

int unpack_feed(struct unpack *u, const void *data, size_t len,
                struct error *err)
{
    int rc;

    if (len == 0)
        return 0;
    count_zeros(u, data, len);
    pthread_mutex_lock(&u->lock);
    u->offered = data;
    u->offered_len = len;
    pthread_cond_broadcast(&u->moved);
    while (u->offered && !u->done)
        pthread_cond_wait(&u->moved, &u->lock);
    u->offered = NULL;
    rc = u->done ? result(u, err) : 0;
    pthread_mutex_unlock(&u->lock);
    return rc;
}

static void join(struct unpack *u, bool abandon)
{
    if (u->joined)
        return;
    pthread_mutex_lock(&u->lock);
    u->ended = true;
    u->abandon = abandon;
    pthread_cond_broadcast(&u->moved);
    pthread_mutex_unlock(&u->lock);
    pthread_join(u->thread, NULL);
    u->joined = true;
}

int unpack_finish(struct unpack *u, struct error *err)
{
    join(u, false);
    if (u->rc || !u->is_bare_tar || u->zeros == TAR_BLOCK)
        return result(u, err);
    error_set(err, ERR_ARCHIVE, "the archive has no end");
    return error_hint(err, "it may have been cut off; pack it again");
}

void unpack_free(struct unpack *u)
{
    if (!u)
        return;
    join(u, true);
    pthread_cond_destroy(&u->moved);
    pthread_mutex_destroy(&u->lock);
    free(u);
}

static const struct {
    size_t offset;
    const char *bytes;
    size_t len;
} signatures[] = {
    { 0, "\x1f\x8b", 2 },         /* gzip */
    { 0, "\x28\xb5\x2f\xfd", 4 }, /* zstd */
    { 0, "PK\x03\x04", 4 },       /* zip */
    { 257, "ustar", 5 },          /* tar */
};

bool unpack_sniff(const void *data, size_t len)
{
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++)
        if (len >= signatures[i].offset + signatures[i].len &&
            !memcmp((const char *)data + signatures[i].offset,
                    signatures[i].bytes, signatures[i].len))
            return true;
    return false;
}
