/*
 * store/tar: what it writes, libarchive reads; and any range of it is the same.
 */
#include "unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <unistd.h>

#include "store/tar.h"

static char folder[64];

static void put_file(const char *name, size_t size)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    for (size_t i = 0; i < size; i++)
        fputc((int)(i * 7 % 251), f);
    fclose(f);
}

static const struct {
    const char *name;
    size_t size;
} files[] = { { "config.json", 5 },
              { "empty", 0 },
              { "block", 512 },
              { "model.safetensors", 100000 } };

enum { FILES = sizeof files / sizeof *files };

static void make_files(void)
{
    snprintf(folder, sizeof folder, "/tmp/test_tar-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    for (size_t i = 0; i < FILES; i++)
        put_file(files[i].name, files[i].size);
}

static void remove_files(void)
{
    char path[128];

    for (size_t i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i].name);
        unlink(path);
    }
    rmdir(folder);
}

static void read_all(struct tar *t, size_t step, unsigned char *out)
{
    struct error err;
    uint64_t at = 0;
    size_t got = 0;

    while (at < tar_size(t)) {
        ck_ok(tar_read(t, at, out + at, step, &got, &err), &err);
        ck_assert_uint_gt(got, 0);
        ck_assert_uint_le(got, step);
        at += got;
    }
    ck_assert_uint_eq(at, tar_size(t));
}

static void check_entries(const void *data, size_t len)
{
    struct archive *a = archive_read_new();
    struct archive_entry *e = NULL;
    unsigned char *bytes = malloc(100000);

    archive_read_support_format_tar(a);
    ck_assert_int_eq(archive_read_open_memory(a, data, len), ARCHIVE_OK);
    for (size_t i = 0; i < FILES; i++) {
        ck_assert_int_eq(archive_read_next_header(a, &e), ARCHIVE_OK);
        ck_assert_str_eq(archive_entry_pathname(e), files[i].name);
        ck_assert_uint_eq((size_t)archive_entry_size(e), files[i].size);
        ck_assert_int_eq(archive_entry_mtime(e), 0);
        ck_assert_int_eq((int)archive_entry_perm(e), 0644);
        ck_assert_int_eq(archive_read_data(a, bytes, 100000),
                         (la_ssize_t)files[i].size);
        for (size_t k = 0; k < files[i].size; k++)
            ck_assert_uint_eq(bytes[k], k * 7 % 251);
    }
    ck_assert_int_eq(archive_read_next_header(a, &e), ARCHIVE_EOF);
    archive_read_free(a);
    free(bytes);
}

START_TEST(test_archive)
{
    static const size_t steps[] = { 1 << 20, 512, 7 };
    unsigned char *first, *again;
    struct tar *t = NULL;
    struct error err;
    size_t len;

    make_files();
    ck_ok(tar_open(folder, &t, &err), &err);
    for (size_t i = 0; i < FILES; i++)
        ck_ok(tar_add(t, files[i].name, files[i].size, &err), &err);
    len = (size_t)tar_size(t);
    ck_assert_uint_eq(len, 4 * 512 + 512 + 0 + 512 + 196 * 512 + 1024);
    first = malloc(len);
    again = malloc(len);
    read_all(t, steps[0], first);
    check_entries(first, len);
    for (size_t i = 1; i < 3; i++) {
        memset(again, 'x', len);
        read_all(t, steps[i], again);
        ck_assert_mem_eq(first, again, len);
    }
    free(first);
    free(again);
    tar_free(t);
    remove_files();
}
END_TEST

START_TEST(test_empty)
{
    unsigned char end[1024];
    struct tar *t = NULL;
    struct error err;

    ck_ok(tar_open("/tmp", &t, &err), &err);
    ck_assert_uint_eq(tar_size(t), sizeof end);
    memset(end, 'x', sizeof end);
    read_all(t, 1000, end);
    for (size_t i = 0; i < sizeof end; i++)
        ck_assert_uint_eq(end[i], 0);
    tar_free(t);
}
END_TEST

/* A file that is shorter than it was said to be is an error, not zeros. */
START_TEST(test_short_file)
{
    struct tar *t = NULL;
    struct error err;
    char bytes[600];
    size_t got = 0;

    make_files();
    ck_ok(tar_open(folder, &t, &err), &err);
    ck_ok(tar_add(t, "config.json", 6, &err), &err);
    ck_ok(tar_add(t, "absent", 6, &err), &err);
    ck_ok(tar_read(t, 512, bytes, 100, &got, &err), &err);
    ck_assert_uint_eq(got, 5);
    ck_fails(tar_read(t, 517, bytes, 100, &got, &err), &err, ERR_READ,
             "config.json");
    ck_fails(tar_read(t, 1536, bytes, 100, &got, &err), &err, ERR_READ,
             "absent");
    tar_free(t);
    remove_files();
}
END_TEST

/* Sizes that ustar's 11 octal digits cannot hold need a pax header. */
START_TEST(test_large_sizes)
{
    static const struct {
        uint64_t size;
        size_t header;
    } cases[] = {
        { 0, 512 },
        { ((uint64_t)8 << 30) - 1, 512 },
        { (uint64_t)8 << 30, 1536 },
        { (uint64_t)6 << 40, 1536 },
    };
    struct archive_entry *e = NULL;
    struct archive *a;
    struct buf b = BUF_INIT(1 << 16);
    struct error err;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_clear(&b);
        ck_ok(tar_write_header("model.safetensors", cases[i].size, &b, &err),
              &err);
        ck_assert_uint_eq(b.len, cases[i].header);
        a = archive_read_new();
        archive_read_support_format_tar(a);
        archive_read_open_memory(a, b.data, b.len);
        ck_assert_int_eq(archive_read_next_header(a, &e), ARCHIVE_OK);
        ck_assert_uint_eq((uint64_t)archive_entry_size(e), cases[i].size);
        ck_assert_str_eq(archive_entry_pathname(e), "model.safetensors");
        archive_read_free(a);
    }
    buf_done(&b);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_archive, test_empty, test_short_file,
                                   test_large_sizes };

    return unit_run("tar", tests, sizeof tests / sizeof *tests);
}
