/*
 * store/intake, store/unpack: archives that arrive in pieces, good and bad.
 */
#include "unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/num.h"
#include "store/tar.h"
#include "store/unpack.h"

static const struct intake_limits roomy = {
    .bytes = 1 << 20, .entries = 100, .path = 200, .reserve = 0
};

static char folder[64];

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/test_unpack-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void remove_folder(void)
{
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

struct item {
    const char *name;
    const char *text;
    unsigned type; /* AE_IFREG if 0 */
    const char *target;
    const char *hardlink;
};

static la_ssize_t keep(struct archive *a, void *ctx, const void *data,
                       size_t len)
{
    (void)a;
    buf_append(ctx, data, len);
    return (la_ssize_t)len;
}

static void pack_item(struct archive *a, const struct item *item)
{
    struct archive_entry *e = archive_entry_new();
    size_t len = item->text ? strlen(item->text) : 0;

    archive_entry_set_pathname(e, item->name);
    archive_entry_set_filetype(e,
                               (unsigned)(item->type ? item->type : AE_IFREG));
    archive_entry_set_perm(e, 0644);
    archive_entry_set_size(e, (la_int64_t)len);
    if (item->target)
        archive_entry_set_symlink(e, item->target);
    if (item->hardlink)
        archive_entry_set_hardlink(e, item->hardlink);
    ck_assert_int_eq(archive_write_header(a, e), ARCHIVE_OK);
    if (len > 0)
        archive_write_data(a, item->text, len);
    archive_entry_free(e);
}

/* format and filter by libarchive's names; filter may be NULL. */
static void pack(const char *format, const char *filter,
                 const struct item *items, size_t n, struct buf *out)
{
    struct archive *a = archive_write_new();

    *out = BUF_INIT(1 << 24);
    ck_assert_int_eq(archive_write_set_format_by_name(a, format), ARCHIVE_OK);
    if (filter)
        ck_assert_int_eq(archive_write_add_filter_by_name(a, filter),
                         ARCHIVE_OK);
    archive_write_set_bytes_in_last_block(a, 1);
    ck_assert_int_eq(archive_write_open(a, out, NULL, keep, NULL), ARCHIVE_OK);
    for (size_t i = 0; i < n; i++)
        pack_item(a, &items[i]);
    archive_write_close(a);
    archive_write_free(a);
}

/* Feeds pieces of step bytes; returns what the first failing call does. */
static int unpack(const struct buf *b, size_t len, size_t step,
                  const struct intake_limits *limits, struct error *err)
{
    struct intake *in = NULL;
    struct unpack *u = NULL;
    size_t n;
    int rc = 0;

    ck_ok(intake_open(folder, limits, &in, err), err);
    ck_ok(unpack_new(in, &u, err), err);
    for (size_t at = 0; !rc && at < len; at += n) {
        n = (size_t)num_min(step, len - at);
        rc = unpack_feed(u, b->data + at, n, err);
    }
    if (!rc)
        rc = unpack_finish(u, err);
    unpack_free(u);
    intake_free(in);
    return rc;
}

static void check_file(const char *name, const char *text)
{
    char path[512];
    char got[256];
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    fd = open(path, O_RDONLY);
    if (!text) {
        ck_assert_msg(fd < 0, "%s is there", name);
        return;
    }
    ck_assert_msg(fd >= 0, "%s is not there", name);
    n = read(fd, got, sizeof got);
    close(fd);
    ck_assert_int_eq(n, (ssize_t)strlen(text));
    ck_assert_mem_eq(got, text, strlen(text));
}

static const struct item good[] = {
    { .name = "./", .type = AE_IFDIR },
    { .name = "./c/", .type = AE_IFDIR },
    { .name = "./c/checkpoint", .text = "index" },
    { .name = "c/target.a/0.0", .text = "weights" },
    { .name = "c/state.a/0.0", .text = "momentum" },
    { .name = "c/.hidden", .text = "" },
};

START_TEST(test_formats)
{
    static const char *const kinds[][2] = {
        { "ustar", NULL }, { "pax", "gzip" }, { "gnutar", "zstd" },
        { "pax", NULL },   { "zip", NULL },   { "gnutar", "gzip" },
    };
    static const size_t steps[] = { 1, 511, 1 << 20 };
    struct error err;
    struct buf b;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        /* zip has no entry for a folder called "./" */
        pack(kinds[i][0], kinds[i][1], good + 1, 5, &b);
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            make_folder();
            ck_ok(unpack(&b, b.len, steps[k], &roomy, &err), &err);
            check_file("c/checkpoint", "index");
            check_file("c/target.a/0.0", "weights");
            check_file("c/.hidden", "");
            check_file("c/state.a/0.0", NULL);
            check_file("c/state.a", NULL);
            remove_folder();
        }
        ck_assert(unpack_sniff(b.data, b.len));
        ck_assert(!unpack_sniff(b.data, 1));
        buf_done(&b);
    }
}
END_TEST

START_TEST(test_bad_entries)
{
    static const struct {
        struct item items[2];
        int code;
        const char *word;
    } cases[] = {
        { { { .name = "../x", .text = "x" } }, ERR_PATH, "../x" },
        { { { .name = "a/../../x", .text = "x" } }, ERR_PATH, "a/../../x" },
        { { { .name = "/etc/x", .text = "x" } }, ERR_PATH, "/etc/x" },
        { { { .name = "a//b", .text = "x" } }, ERR_PATH, "a//b" },
        { { { .name = "a/./b", .text = "x" } }, ERR_PATH, "a/./b" },
        { { { .name = "..", .type = AE_IFDIR } }, ERR_PATH, ".." },
        { { { .name = "ln", .type = AE_IFLNK, .target = "/etc" } },
          ERR_ARCHIVE,
          "symbolic link" },
        { { { .name = "a", .text = "x" }, { .name = "b", .hardlink = "a" } },
          ERR_ARCHIVE,
          "hard link" },
        { { { .name = "pipe", .type = AE_IFIFO } }, ERR_ARCHIVE, "pipe" },
        { { { .name = "dev", .type = AE_IFCHR } }, ERR_ARCHIVE, "dev" },
        { { { .name = "a", .text = "x" }, { .name = "./a", .text = "y" } },
          ERR_ARCHIVE,
          "more than once" },
        { { { .name = "a", .text = "x" }, { .name = "a/b", .text = "y" } },
          ERR_ARCHIVE,
          "more than once" },
        { { { .name = "a/b", .text = "x" }, { .name = "a", .text = "y" } },
          ERR_ARCHIVE,
          "more than once" },
    };
    struct error err;
    struct buf b;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pack("pax", NULL, cases[i].items, cases[i].items[1].name ? 2 : 1, &b);
        make_folder();
        ck_fails(unpack(&b, b.len, 700, &roomy, &err), &err, cases[i].code,
                 cases[i].word);
        remove_folder();
        buf_done(&b);
    }
}
END_TEST

START_TEST(test_limits)
{
    static const struct item deep = { .name = "a/b/c/d/e/f", .text = "x" };
    static const struct item large = { .name = "large", .text = "0123456789" };
    static const struct item state = { .name = "state.x", .text = "012345678" };
    struct intake_limits l = roomy;
    struct error err;
    struct buf b;

    make_folder();
    pack("pax", NULL, &deep, 1, &b);
    l.entries = 6;
    ck_ok(unpack(&b, b.len, 700, &l, &err), &err);
    remove_folder();
    make_folder();
    l.entries = 5;
    ck_fails(unpack(&b, b.len, 700, &l, &err), &err, ERR_LIMIT, "too many");
    l = roomy;
    l.path = 10;
    ck_fails(unpack(&b, b.len, 700, &l, &err), &err, ERR_LIMIT, "too long");
    buf_done(&b);

    /* What is announced counts before a byte of it has come. */
    b = BUF_INIT(1 << 16);
    ck_ok(tar_write_header("huge", (uint64_t)1 << 50, &b, &err), &err);
    ck_fails(unpack(&b, b.len, 700, &roomy, &err), &err, ERR_LIMIT, "huge");
    buf_done(&b);
    pack("pax", "gzip", &large, 1, &b);
    l = roomy;
    l.bytes = 9;
    ck_fails(unpack(&b, b.len, 700, &l, &err), &err, ERR_LIMIT, "larger");
    l = roomy;
    l.reserve = UINT64_MAX;
    ck_fails(unpack(&b, b.len, 700, &l, &err), &err, ERR_SPACE, "too full");
    buf_done(&b);
    /* Skipped files count as well; zip's sizes may be unknown. */
    pack("zip", NULL, &state, 1, &b);
    l = roomy;
    l.bytes = 8;
    ck_fails(unpack(&b, b.len, 700, &l, &err), &err, ERR_LIMIT, "larger");
    buf_done(&b);
    remove_folder();
}
END_TEST

/* A cut archive is an error, unless all that it held had come. */
START_TEST(test_truncated)
{
    static const char *const kinds[][2] = { { "ustar", NULL },
                                            { "pax", "gzip" },
                                            { "zip", NULL } };
    struct error err;
    struct buf b;
    int rc;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        pack(kinds[i][0], kinds[i][1], good + 2, 2, &b);
        for (size_t len = 0; len < b.len; len += 1 + len / 40) {
            make_folder();
            rc = unpack(&b, len, 100, &roomy, &err);
            ck_assert_msg(rc == ERR_ARCHIVE || rc == ERR_MEDIA_TYPE || !rc,
                          "%s, %zu bytes: %d", kinds[i][0], len, rc);
            if (!rc) {
                check_file("c/checkpoint", "index");
                check_file("c/target.a/0.0", "weights");
            }
            remove_folder();
        }
        buf_done(&b);
    }
}
END_TEST

START_TEST(test_cut_between_entries)
{
    struct error err;
    struct buf b;

    pack("ustar", NULL, good + 2, 2, &b);
    make_folder();
    ck_fails(unpack(&b, 1024, 512, &roomy, &err), &err, ERR_ARCHIVE, "no end");
    remove_folder();
    make_folder();
    ck_ok(unpack(&b, b.len - 512, 512, &roomy, &err), &err);
    remove_folder();
    buf_done(&b);
}
END_TEST

START_TEST(test_not_an_archive)
{
    static const struct item inner = { .name = "a", .text = "x" };
    struct error err;
    struct buf b = BUF_INIT(1 << 16);
    struct buf twice = BUF_INIT(1 << 16);
    struct archive_entry *e;
    struct archive *a;

    make_folder();
    for (unsigned i = 0; i < 3000; i++)
        buf_puts(&b, "no archive. ");
    ck_fails(unpack(&b, b.len, 100, &roomy, &err), &err, ERR_MEDIA_TYPE,
             "not an archive");
    ck_assert(!unpack_sniff(b.data, b.len));
    buf_done(&b);
    pack("pax", NULL, NULL, 0, &b);
    ck_fails(unpack(&b, b.len, 100, &roomy, &err), &err, ERR_ARCHIVE,
             "no file");
    buf_done(&b);

    pack("pax", "gzip", &inner, 1, &b);
    a = archive_write_new();
    archive_write_set_format_raw(a);
    archive_write_add_filter_gzip(a);
    archive_write_open(a, &twice, NULL, keep, NULL);
    e = archive_entry_new();
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_pathname(e, "x");
    archive_write_header(a, e);
    archive_write_data(a, b.data, b.len);
    archive_entry_free(e);
    archive_write_free(a);
    ck_fails(unpack(&twice, twice.len, 100, &roomy, &err), &err, ERR_ARCHIVE,
             "more than once");
    buf_done(&b);
    buf_done(&twice);
    remove_folder();
}
END_TEST

START_TEST(test_abandoned)
{
    struct intake *in = NULL;
    struct unpack *u = NULL;
    struct error err;
    struct buf b;

    pack("ustar", NULL, good + 2, 2, &b);
    make_folder();
    ck_ok(intake_open(folder, &roomy, &in, &err), &err);
    ck_ok(unpack_new(in, &u, &err), &err);
    unpack_free(u);
    ck_ok(unpack_new(in, &u, &err), &err);
    ck_ok(unpack_feed(u, b.data, 600, &err), &err);
    unpack_free(u);
    intake_free(in);
    remove_folder();
    buf_done(&b);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_formats,   test_bad_entries,         test_limits,
        test_truncated, test_cut_between_entries, test_not_an_archive,
        test_abandoned,
    };

    return unit_run("unpack", tests, sizeof tests / sizeof *tests);
}
