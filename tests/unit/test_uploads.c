/*
 * uploads/: resuming, names, limits, writers that meet.
 */
#include "uploads_fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "uploads/internal.h"
#include "uploads/tus.h"

START_TEST(test_tus_file)
{
    struct uploads_new what = { .path = "a/b",
                                .length = 10,
                                .metadata = "filename Yi9i" };
    struct uploads_file f;
    char id[UPLOADS_ID_MAX + 1];

    start();
    ck_ok(uploads_create(up, &what, &f, &err), &err);
    memcpy(id, f.id, sizeof id);
    ck_assert_str_eq(f.upload, f.id);
    ck_assert(tus_is_id(f.id));
    ck_assert_int_ge(f.expires, time(NULL) + 7 * 24 * 3600 - 5);
    uploads_file_done(&f);
    ck_ok(append(id, 0, "01234"), &err);
    ck_fails(append(id, 0, "x"), &err, ERR_OFFSET, "another offset");
    ck_fails(append(id, 6, "x"), &err, ERR_OFFSET, "another offset");
    ck_fails(append(id, 5, "567890"), &err, ERR_LIMIT, "beyond");
    ck_assert_uint_eq(offset_of(id), 5);
    close_all();
    open_all();
    ck_assert_uint_eq(offset_of(id), 5);
    ck_ok(append(id, 5, "56789"), &err);
    ck_fails(append(id, 10, ""), &err, ERR_USAGE, "complete");
    ck_ok(uploads_head(up, id, &f, &err), &err);
    ck_assert(f.complete);
    ck_assert_str_eq(f.metadata, "filename Yi9i");
    ck_assert_str_eq(f.path, "a/b");
    uploads_file_done(&f);
    ck_assert_uint_eq(uploads_bytes(up), 10);
    ck_ok(uploads_delete_file(up, id, &err), &err);
    ck_assert(gone(id));
    ck_assert_uint_eq(uploads_bytes(up), 0);
    ck_assert_uint_eq(count_entries("blobs"), 0);
    stop();
}
END_TEST

START_TEST(test_deferred_length)
{
    const char *id;

    start();
    id = create(NULL, "a", UPLOADS_UNKNOWN);
    ck_ok(append(id, 0, "01234"), &err);
    ck_fails(uploads_set_length(up, id, 4, &err), &err, ERR_USAGE, "another");
    ck_ok(uploads_set_length(up, id, 8, &err), &err);
    ck_ok(uploads_set_length(up, id, 8, &err), &err);
    ck_fails(uploads_set_length(up, id, 9, &err), &err, ERR_USAGE, "another");
    ck_ok(append(id, 5, "567"), &err);
    id = create(NULL, "b", UPLOADS_UNKNOWN);
    ck_ok(append(id, 0, "01234"), &err);
    ck_ok(uploads_set_length(up, id, 5, &err), &err);
    ck_fails(append(id, 5, ""), &err, ERR_USAGE, "complete");
    id = create(NULL, "c", 0);
    ck_fails(append(id, 0, ""), &err, ERR_USAGE, "complete");
    stop();
}
END_TEST

START_TEST(test_checksum)
{
    const char *id;

    start();
    id = create(NULL, "a", 10);
    ck_ok(append_sum(id, 0, "01234", "sha1 EZBKTot39iQuLSiHBQI62tAKkxA="),
          &err);
    ck_fails(append_sum(id, 5, "56789", "sha1 EZBKTot39iQuLSiHBQI62tAKkxA="),
             &err, ERR_CHECKSUM, "sha1");
    ck_assert_uint_eq(offset_of(id), 5);
    ck_assert_uint_eq(uploads_bytes(up), 5);
    ck_ok(append(id, 5, "56789"), &err);
    stop();
}
END_TEST

START_TEST(test_abandon)
{
    struct uploads_append *a = NULL;
    struct checksum c;
    const char *id;

    start();
    id = create(NULL, "a", 100);
    ck_ok(uploads_append_begin(up, id, 0, 10, NULL, &a, &err), &err);
    ck_ok(uploads_write(a, "0123", 4, &err), &err);
    uploads_abandon(a);
    ck_assert_uint_eq(offset_of(id), 4);
    ck_ok(checksum_parse_tus("sha1 EZBKTot39iQuLSiHBQI62tAKkxA=", &c, &err),
          &err);
    ck_ok(uploads_append_begin(up, id, 4, 10, &c, &a, &err), &err);
    ck_ok(uploads_write(a, "4567", 4, &err), &err);
    uploads_abandon(a);
    ck_assert_uint_eq(offset_of(id), 4);
    ck_ok(uploads_put_begin(up, CHOSEN, "b", 10, NULL, &a, &err), &err);
    ck_ok(uploads_write(a, "4567", 4, &err), &err);
    uploads_abandon(a);
    uploads_abandon(NULL);
    ck_assert_uint_eq(count_entries("blobs"), 1);
    ck_assert_uint_eq(uploads_bytes(up), 4);
    stop();
}
END_TEST

START_TEST(test_two_writers)
{
    struct uploads_append *a = NULL;
    struct uploads_append *b = NULL;
    const char *id;

    start();
    id = create(NULL, "a", 100);
    ck_ok(uploads_append_begin(up, id, 0, 10, NULL, &a, &err), &err);
    ck_ok(uploads_write(a, "0123", 4, &err), &err);
    ck_fails(uploads_append_begin(up, id, 0, 10, NULL, &b, &err), &err,
             ERR_LOCKED, "another request");
    ck_fails(uploads_hold(up, id, &err), &err, ERR_LOCKED, "another request");
    up->limits.takeover = 0;
    ck_ok(uploads_append_begin(up, id, 0, 10, NULL, &b, &err), &err);
    ck_fails(uploads_write(a, "x", 1, &err), &err, ERR_LOCKED, "gone on");
    ck_ok(uploads_write(b, "ab", 2, &err), &err);
    uploads_abandon(a);
    ck_ok(uploads_commit(b, NULL, &err), &err);
    ck_assert_uint_eq(offset_of(id), 2);
    ck_ok(append(id, 2, "c"), &err);
    /* Deleting wins over writing. */
    ck_ok(uploads_append_begin(up, id, 3, 10, NULL, &a, &err), &err);
    up->limits.takeover = 100;
    ck_ok(uploads_delete(up, id, &err), &err);
    ck_fails(uploads_commit(a, NULL, &err), &err, ERR_LOCKED, "gone on");
    ck_assert_uint_eq(uploads_bytes(up), 0);
    ck_assert_uint_eq(count_entries("blobs"), 0);
    stop();
}
END_TEST

START_TEST(test_same_path_twice)
{
    const char *first;
    const char *second;

    start();
    first = create(CHOSEN, "a", 3);
    second = create(CHOSEN, "a", 3);
    ck_ok(append(first, 0, "ab"), &err);
    ck_ok(append(second, 0, "xyz"), &err);
    ck_assert(gone(first));
    ck_assert_uint_eq(uploads_bytes(up), 3);
    ck_assert_uint_eq(count_entries("blobs"), 1);
    stop();
}
END_TEST

START_TEST(test_names)
{
    static const char too_long[] =
        "a/" /* and 256 more */
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    static const char *const paths[] = {
        "",     "/a",      "../a",           "a//b",  "a/.",
        "\xff", "a\xc3/b", "a/\xed\xa0\x80", too_long
    };
    static const char *const uploads[] = { "short", "", "with space 123456",
                                           "../../../../../../x" };
    struct uploads_new what = { .length = 1 };
    struct uploads_file f;

    start();
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const char *told = paths[i] == too_long ? "0123" : paths[i];

        what.path = paths[i];
        ck_fails(uploads_create(up, &what, &f, &err), &err, ERR_PATH, told);
        ck_fails(put(CHOSEN, paths[i], "x"), &err, ERR_PATH, told);
    }
    what.path = "a";
    for (size_t i = 0; i < sizeof uploads / sizeof *uploads; i++) {
        what.upload = uploads[i];
        ck_fails(uploads_create(up, &what, &f, &err), &err, ERR_USAGE, "name");
        ck_fails(put(uploads[i], "a", "x"), &err, ERR_USAGE, "name");
    }
    ck_assert_uint_eq(count_entries("blobs"), 0);
    stop();
}
END_TEST

static uint64_t others;

static uint64_t other_bytes(void *ctx)
{
    (void)ctx;
    return others;
}
START_TEST(test_limits)
{
    struct uploads_new what = { .length = 11 };
    struct uploads_append *a = NULL;
    struct uploads_file f;

    start();
    up->limits.upload_bytes = 10;
    ck_fails(uploads_create(up, &what, &f, &err), &err, ERR_LIMIT, "larger");
    ck_fails(put(CHOSEN, "a", "01234567890"), &err, ERR_LIMIT, "larger");
    ck_ok(put(CHOSEN, "a", "01234"), &err);
    ck_fails(put(CHOSEN, "b", "012345"), &err, ERR_LIMIT, "larger");
    ck_ok(uploads_put_begin(up, CHOSEN, "b", UPLOADS_UNKNOWN, NULL, &a, &err),
          &err);
    ck_fails(uploads_write(a, "012345", 6, &err), &err, ERR_LIMIT, "larger");
    uploads_abandon(a);
    up->limits.upload_bytes = 0;
    up->limits.entries = 2;
    ck_ok(put(CHOSEN, "b", "x"), &err);
    ck_fails(put(CHOSEN, "c", "x"), &err, ERR_LIMIT, "files");
    ck_ok(put(CHOSEN, "b", "y"), &err); /* in its place */
    up->limits.uploads = 1;
    ck_fails(uploads_create(up, &what, &f, &err), &err, ERR_LIMIT, "uploads");
    up->limits.uploads = 0;
    up->limits.quota = 20;
    up->limits.other_bytes = other_bytes;
    others = 4;
    ck_fails(uploads_create(up, &what, &f, &err), &err, ERR_QUOTA, "quota");
    others = 3;
    ck_ok(uploads_create(up, &what, &f, &err), &err);
    uploads_file_done(&f);
    up->limits.quota = 0;
    up->limits.reserve = (uint64_t)1 << 60;
    ck_fails(uploads_create(up, &what, &f, &err), &err, ERR_SPACE, "full");
    ck_assert_uint_eq(uploads_bytes(up), 6);
    stop();
}
END_TEST

struct seen {
    unsigned count;
    char last[UPLOADS_ID_MAX + 1];
};

static int see_upload(void *ctx, const struct uploads_info *info,
                      struct error *e)
{
    struct seen *seen = ctx;

    (void)e;
    ck_assert_int_gt(strcmp(info->id, seen->last), 0);
    memcpy(seen->last, info->id, sizeof seen->last);
    seen->count++;
    return 0;
}

static int see_file(void *ctx, const struct uploads_file *f, struct error *e)
{
    unsigned *count = ctx;

    (void)e;
    ck_assert_str_eq(f->upload, CHOSEN);
    ++*count;
    return *count == 3 ? ERR_CANCELLED : 0;
}
START_TEST(test_lists)
{
    struct seen seen = { 0, "" };
    struct uploads_file f;
    unsigned count = 0;

    start();
    for (int i = 0; i < 5; i++)
        create(NULL, "a", 1);
    ck_ok(put(CHOSEN, "a", "1"), &err);
    ck_ok(put(CHOSEN, "b", "1"), &err);
    ck_ok(put(CHOSEN, "c", "1"), &err);
    ck_ok(uploads_list(up, "", 4, see_upload, &seen, &err), &err);
    ck_assert_uint_eq(seen.count, 4);
    ck_ok(uploads_list(up, seen.last, 4, see_upload, &seen, &err), &err);
    ck_assert_uint_eq(seen.count, 6);
    ck_ok(uploads_files(up, CHOSEN, "a", 10, see_file, &count, &err), &err);
    ck_assert_uint_eq(count, 2);
    count = 0;
    ck_assert_int_eq(uploads_files(up, CHOSEN, "", 10, see_file, &count, &err),
                     ERR_CANCELLED);
    ck_ok(uploads_find(up, CHOSEN, "b", &f, &err), &err);
    uploads_file_done(&f);
    ck_fails(uploads_find(up, CHOSEN, "x", &f, &err), &err, ERR_NOT_FOUND, "x");
    stop();
}
END_TEST

START_TEST(test_references)
{
    char id[UPLOADS_ID_MAX + 1];
    const char *path = NULL;

    ck_assert(uploads_parse_reference("upload:abc", id, &path));
    ck_assert_str_eq(id, "abc");
    ck_assert_str_eq(path, "");
    ck_assert(uploads_parse_reference("upload:abc/d/e.gin", id, &path));
    ck_assert_str_eq(path, "d/e.gin");
    ck_assert(!uploads_parse_reference("upload:", id, &path));
    ck_assert(!uploads_parse_reference("upload:a/../b", id, &path));
    ck_assert(!uploads_parse_reference("upload:a/", id, &path));
    ck_assert(!uploads_parse_reference("upload:a b", id, &path));
    ck_assert(!uploads_parse_reference("uploads:a", id, &path));
    ck_assert(!uploads_parse_reference("/a", id, &path));
}
END_TEST

/* Where the disk ends in the middle, the upload goes on once there is room. */
START_TEST(test_disk_full)
{
    static char bytes[3 << 20];
    struct uploads_append *a = NULL;
    struct rlimit old;
    struct rlimit limit;
    const char *id;

    start();
    id = create(NULL, "a", sizeof bytes);
    ck_ok(append_bytes(id, 0, bytes, 1000), &err);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = old;
    limit.rlim_cur = 2 << 20;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_ok(uploads_append_begin(up, id, 1000, UPLOADS_UNKNOWN, NULL, &a, &err),
          &err);
    ck_fails(uploads_write(a, bytes, sizeof bytes - 1000, &err), &err,
             ERR_SPACE, "write");
    ck_fails(uploads_write(a, bytes, 1, &err), &err, ERR_WRITE, "failed");
    uploads_abandon(a);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    ck_assert_uint_eq(offset_of(id), 1000);
    ck_assert_uint_eq(uploads_bytes(up), 1000);
    ck_ok(append_bytes(id, 1000, bytes, sizeof bytes - 1000), &err);
    stop();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_tus_file,    test_deferred_length, test_checksum, test_abandon,
        test_two_writers, test_same_path_twice, test_names,    test_limits,
        test_lists,       test_references,      test_disk_full
    };

    return unit_run("uploads", tests, sizeof tests / sizeof *tests);
}
