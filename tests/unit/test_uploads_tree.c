/*
 * uploads/: what a job sees of an upload, and what remains of it afterwards.
 */
#include "uploads_fixture.h"

#include <archive.h>
#include <archive_entry.h>
#include <pthread.h>
#include <time.h>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "uploads/internal.h"

START_TEST(test_folder)
{
    struct uploads_info info;
    const char *id;
    char *path;

    start();
    id = create(CHOSEN, "top/a", 3);
    ck_ok(put(CHOSEN, "top/b/c", "xyz"), &err);
    ck_ok(put(CHOSEN, "top/b/empty", ""), &err);
    ck_fails(put(CHOSEN, "top/b", "x"), &err, ERR_PATH, "top/b");
    ck_fails(put(CHOSEN, "top/a/c", "x"), &err, ERR_PATH, "top/a");
    ck_ok(uploads_hold(up, CHOSEN, &err), &err);
    ck_fails(uploads_prepare(up, CHOSEN, NULL, NULL, &path, &err), &err,
             ERR_UNFINISHED_UPLOAD, "top/a");
    uploads_release(up, CHOSEN);
    ck_ok(append(id, 0, "abc"), &err);
    ck_ok(put(CHOSEN, "top/b/c", "replaced"), &err);
    ck_ok(uploads_get(up, CHOSEN, &info, &err), &err);
    ck_assert_uint_eq(info.files, 3);
    ck_assert_uint_eq(info.complete, 3);
    ck_assert_uint_eq(info.bytes, 11);
    ck_assert_uint_eq(uploads_bytes(up), 11);
    path = prepare(CHOSEN);
    check_file(path, "top/a", "abc");
    check_file(path, "top/b/c", "replaced");
    check_file(path, "top/b/empty", "");
    ck_assert_uint_eq(count_entries("blobs"), 3);
    /* Held: nothing changes. */
    ck_fails(put(CHOSEN, "new", "x"), &err, ERR_IN_USE, CHOSEN);
    ck_fails(uploads_delete_file(up, id, &err), &err, ERR_IN_USE, CHOSEN);
    ck_fails(uploads_delete(up, CHOSEN, &err), &err, ERR_IN_USE, CHOSEN);
    uploads_release(up, CHOSEN);
    /* A change makes the folder anew. */
    free(path);
    close_all();
    open_all();
    ck_assert_uint_eq(count_entries("trees"), 1);
    ck_ok(uploads_delete_file(up, id, &err), &err);
    ck_assert_uint_eq(count_entries("trees"), 0);
    path = prepare(CHOSEN);
    check_file(path, "top/b/c", "replaced");
    ck_assert_int_eq(chdir(path), 0);
    ck_assert_int_ne(access("top/a", F_OK), 0);
    ck_assert_int_eq(chdir("/"), 0);
    uploads_release(up, CHOSEN);
    ck_ok(uploads_delete(up, CHOSEN, &err), &err);
    ck_assert_uint_eq(count_entries("trees") + count_entries("blobs"), 0);
    free(path);
    stop();
}
END_TEST

/* A put that ends the readiness of a folder drops it, too. */
START_TEST(test_put_after_prepare)
{
    char *path;

    start();
    ck_ok(put(CHOSEN, "a", "1"), &err);
    path = prepare(CHOSEN);
    uploads_release(up, CHOSEN);
    free(path);
    ck_ok(put(CHOSEN, "a", "22"), &err);
    path = prepare(CHOSEN);
    check_file(path, "a", "22");
    free(path);
    uploads_release(up, CHOSEN);
    stop();
}
END_TEST

/* A tar or tar.gz with three files below top/. */
static size_t make_archive(bool packed, unsigned char *out, size_t max)
{
    static const char *const names[] = { "top/checkpoint", "top/a/0.0",
                                         "top/noise" };
    char noise[6000];
    struct archive *a = archive_write_new();
    size_t used = 0;

    archive_write_set_format_ustar(a);
    if (packed)
        archive_write_add_filter_gzip(a);
    ck_assert_int_eq(archive_write_open_memory(a, out, max, &used), 0);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)rand();
    for (size_t i = 0; i < 3; i++) {
        size_t size = i < 2 ? 5 : sizeof noise;
        struct archive_entry *e = archive_entry_new();

        archive_entry_set_pathname(e, names[i]);
        archive_entry_set_size(e, (la_int64_t)size);
        archive_entry_set_filetype(e, AE_IFREG);
        archive_entry_set_perm(e, 0644);
        ck_assert_int_eq(archive_write_header(a, e), 0);
        ck_assert_int_eq(archive_write_data(a, i < 2 ? "hello" : noise, size),
                         (la_ssize_t)size);
        archive_entry_free(e);
    }
    archive_write_close(a);
    archive_write_free(a);
    return used;
}

START_TEST(test_archive)
{
    unsigned char bytes[20000];
    size_t len = make_archive(true, bytes, sizeof bytes);
    struct uploads_info info;
    const char *id;
    char *path;

    start();
    id = create(NULL, "model.tar.gz", len);
    ck_ok(append_bytes(id, 0, bytes, len), &err);
    path = prepare(id);
    check_file(path, "top/checkpoint", "hello");
    check_file(path, "top/a/0.0", "hello");
    ck_assert_uint_eq(count_entries("blobs"), 0);
    ck_assert_uint_eq(uploads_bytes(up), 6010);
    ck_ok(uploads_get(up, id, &info, &err), &err);
    ck_assert(info.unpacked);
    ck_assert_uint_eq(info.bytes, 6010);
    uploads_release(up, id);
    free(path);
    ck_fails(put(id, "more", "x"), &err, ERR_IN_USE, "unpacked");
    close_all();
    open_all();
    path = prepare(id);
    check_file(path, "top/a/0.0", "hello");
    uploads_release(up, id);
    ck_ok(uploads_delete(up, id, &err), &err);
    ck_assert_uint_eq(count_entries("trees"), 0);
    ck_assert_uint_eq(uploads_bytes(up), 0);
    free(path);
    stop();
}
END_TEST

/* The bundled sample, sent in pieces, and what it holds. */
START_TEST(test_checkpoint)
{
    const char *srcdir = getenv("srcdir");
    struct buf bytes = BUF_INIT(1 << 20);
    struct checkpoint *c = NULL;
    uint64_t at = 0;
    const char *id;
    char path[512];
    char *tree;

    snprintf(path, sizeof path, "%s/tests/sample/switch-tiny.tar.gz",
             srcdir ? srcdir : ".");
    ck_ok(file_read(path, &bytes, &err), &err);
    start();
    id = create(NULL, "switch-tiny.tar.gz", bytes.len);
    while (at < bytes.len) {
        size_t n = bytes.len - at < 7000 ? bytes.len - at : 7000;

        ck_ok(append_bytes(id, at, bytes.data + at, n), &err);
        at += n;
    }
    tree = prepare(id);
    snprintf(path, sizeof path, "%s/checkpoint_500100", tree);
    ck_ok(checkpoint_open_path(path, &c, &err), &err);
    ck_assert_ptr_nonnull(checkpoint_find(c, "token_embedder/embedding"));
    checkpoint_free(c);
    buf_done(&bytes);
    uploads_release(up, id);
    free(tree);
    stop();
}
END_TEST

START_TEST(test_damaged_archive)
{
    unsigned char bytes[20000];
    size_t len = make_archive(false, bytes, sizeof bytes) / 4;
    const char *id;
    char *path;

    start();
    id = create(NULL, "model.tar.gz", len);
    ck_ok(append_bytes(id, 0, bytes, len), &err);
    ck_ok(uploads_hold(up, id, &err), &err);
    ck_fails(uploads_prepare(up, id, NULL, NULL, &path, &err), &err,
             ERR_ARCHIVE, "archive");
    ck_assert_uint_eq(count_entries("trees"), 0);
    ck_assert_uint_eq(count_entries("blobs"), 1);
    uploads_release(up, id);
    stop();
}
END_TEST

static bool always(void *ctx)
{
    (void)ctx;
    return true;
}
START_TEST(test_cancel)
{
    char *path;

    start();
    ck_ok(put(CHOSEN, "a", "x"), &err);
    ck_ok(uploads_hold(up, CHOSEN, &err), &err);
    ck_fails(uploads_prepare(up, CHOSEN, always, NULL, &path, &err), &err,
             ERR_CANCELLED, "cancelled");
    ck_assert_uint_eq(count_entries("trees"), 0);
    uploads_release(up, CHOSEN);
    stop();
}
END_TEST

static void make_partial(const char *text, char id[UPLOADS_ID_MAX + 1])
{
    struct uploads_new what = { .length = strlen(text), .partial = true };
    struct uploads_file f;

    ck_ok(uploads_create(up, &what, &f, &err), &err);
    memcpy(id, f.id, sizeof f.id);
    uploads_file_done(&f);
    ck_ok(append(id, 0, text), &err);
}
START_TEST(test_concat)
{
    struct uploads_new what = { .path = "joined" };
    struct uploads_file f;
    char ids[3][UPLOADS_ID_MAX + 1];
    char *parts[3] = { ids[0], ids[1], ids[2] };
    const char *unfinished;
    char *path;

    start();
    make_partial("one,", ids[0]);
    make_partial("two,", ids[1]);
    make_partial("three", ids[2]);
    ck_fails(uploads_concat(up, &what, (char *[]){ ids[0], ids[0] }, 2,
                            "final;", &f, &err),
             &err, ERR_NOT_FOUND, ids[0]);
    unfinished = create(NULL, "x", 5);
    memcpy(ids[2], unfinished, sizeof ids[2]);
    ck_fails(uploads_concat(up, &what, parts, 3, "final;", &f, &err), &err,
             ERR_USAGE, "not a partial");
    ck_ok(uploads_delete(up, unfinished, &err), &err);
    make_partial("three", ids[2]);
    ck_ok(uploads_concat(up, &what, parts, 3, "final;a b c", &f, &err), &err);
    ck_assert_uint_eq(f.length, 13);
    ck_assert(f.complete);
    ck_assert(gone(ids[0]) && gone(ids[1]) && gone(ids[2]));
    close_all();
    open_all();
    path = prepare(f.id);
    check_file(path, "joined", "one,two,three");
    uploads_release(up, f.id);
    ck_ok(uploads_delete(up, f.id, &err), &err);
    /* The third part's first life was never removed. */
    ck_assert_uint_eq(count_entries("blobs"), 1);
    free(path);
    uploads_file_done(&f);
    stop();
}
END_TEST

START_TEST(test_concat_archive)
{
    unsigned char bytes[20000];
    size_t len = make_archive(true, bytes, sizeof bytes);
    struct uploads_new part = { .length = len / 2, .partial = true };
    struct uploads_new what = { .path = "model.tar.gz" };
    struct uploads_file f[3];
    char *path;

    start();
    ck_ok(uploads_create(up, &part, &f[0], &err), &err);
    part.length = len - len / 2;
    ck_ok(uploads_create(up, &part, &f[1], &err), &err);
    ck_ok(append_bytes(f[0].id, 0, bytes, len / 2), &err);
    ck_fails(uploads_concat(up, &what, (char *[]){ f[0].id, f[1].id }, 2,
                            "final;", &f[2], &err),
             &err, ERR_UNFINISHED_UPLOAD, f[1].id);
    ck_ok(append_bytes(f[1].id, 0, bytes + len / 2, len - len / 2), &err);
    ck_ok(uploads_concat(up, &what, (char *[]){ f[0].id, f[1].id }, 2, "final;",
                         &f[2], &err),
          &err);
    path = prepare(f[2].id);
    check_file(path, "top/a/0.0", "hello");
    ck_assert_uint_eq(count_entries("blobs"), 0);
    uploads_release(up, f[2].id);
    free(path);
    for (int i = 0; i < 3; i++)
        uploads_file_done(&f[i]);
    stop();
}
END_TEST

START_TEST(test_sweep)
{
    struct uploads_append *a = NULL;
    unsigned removed = 0;
    const char *idle;
    const char *busy;
    int64_t later;

    start();
    later = time(NULL) + 8 * 24 * 3600;
    idle = create(NULL, "a", 5);
    busy = create(NULL, "a", 5);
    ck_ok(put(CHOSEN, "a", "x"), &err);
    ck_ok(uploads_hold(up, CHOSEN, &err), &err);
    ck_ok(uploads_append_begin(up, busy, 0, 5, NULL, &a, &err), &err);
    ck_ok(uploads_sweep(up, time(NULL), &removed, &err), &err);
    ck_assert_uint_eq(removed, 0);
    ck_ok(uploads_sweep(up, later, &removed, &err), &err);
    ck_assert_uint_eq(removed, 1);
    ck_assert(gone(idle));
    ck_ok(uploads_write(a, "01234", 5, &err), &err);
    ck_ok(uploads_commit(a, NULL, &err), &err);
    uploads_release(up, CHOSEN);
    ck_ok(uploads_sweep(up, later, &removed, &err), &err);
    ck_assert_uint_eq(removed, 2);
    ck_assert_uint_eq(uploads_bytes(up), 0);
    ck_assert_uint_eq(count_entries("blobs"), 0);
    stop();
}
END_TEST

/* What a crash may leave is removed, what is known stays. */
START_TEST(test_recovery)
{
    char command[300];
    const char *id;

    start();
    id = create(NULL, "a", 10);
    ck_ok(append(id, 0, "0123"), &err);
    close_all();
    snprintf(command, sizeof command,
             "cd %s && echo tail >> blobs/%s && touch blobs/stranger &&"
             " mkdir -p trees/x.new/y && touch trees/x.new/y/z",
             folder, id);
    ck_assert_int_eq(system(command), 0);
    open_all();
    ck_assert_uint_eq(count_entries("blobs"), 1);
    ck_assert_uint_eq(count_entries("trees"), 0);
    ck_assert_uint_eq(offset_of(id), 4);
    close_all();
    snprintf(command, sizeof command, "truncate -s 2 %s/blobs/%s", folder, id);
    ck_assert_int_eq(system(command), 0);
    open_all();
    ck_assert_uint_eq(offset_of(id), 2);
    ck_assert_uint_eq(uploads_bytes(up), 2);
    ck_ok(append(id, 2, "23456789"), &err);
    stop();
}
END_TEST

enum { THREADS = 4, ROUNDS = 25 };

/* Puts files of its own and one that all write, and uses what is there. */
static void *work(void *ctx)
{
    const unsigned *number = ctx;
    struct error e;
    char name[32];

    for (int i = 0; i < ROUNDS; i++) {
        struct uploads_append *a = NULL;
        char *path = NULL;

        snprintf(name, sizeof name, "%u/%d", *number, i);
        if (uploads_put_begin(up, CHOSEN, i % 2 ? name : "shared", 4, NULL, &a,
                              &e) == 0) {
            if (uploads_write(a, "text", 4, &e) == 0)
                uploads_commit(a, NULL, &e);
            else
                uploads_abandon(a);
        }
        if (uploads_hold(up, CHOSEN, &e) == 0) {
            if (uploads_prepare(up, CHOSEN, NULL, NULL, &path, &e) == 0)
                check_file(path, "shared", "text");
            free(path);
            uploads_release(up, CHOSEN);
        }
        uploads_sweep(up, 0, NULL, &e);
    }
    return NULL;
}
START_TEST(test_threads)
{
    pthread_t threads[THREADS];
    unsigned numbers[THREADS];
    struct uploads_info info;
    struct id_list blobs = { .count = 0 };

    start();
    up->limits.takeover = 0;
    ck_ok(put(CHOSEN, "shared", "text"), &err);
    for (unsigned i = 0; i < THREADS; i++) {
        numbers[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &numbers[i]),
                         0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_ok(uploads_get(up, CHOSEN, &info, &err), &err);
    ck_assert_uint_eq(info.files, info.complete);
    ck_assert_uint_eq(info.bytes, 4 * info.files);
    ck_assert_uint_eq(uploads_bytes(up), info.bytes);
    ck_ok(table_blobs(db, &blobs, &err), &err);
    ck_assert_uint_eq(blobs.count, info.files);
    ck_assert_uint_eq(count_entries("blobs"), info.files);
    id_list_done(&blobs);
    stop();
}
END_TEST

/* A folder with one file, where an upload may take it from. */
static char *stranger(const char *text)
{
    char *path = NULL;
    char *file = NULL;
    FILE *f;

    ck_assert_int_gt(asprintf(&path, "%s/stranger", data), 0);
    ck_assert_int_gt(asprintf(&file, "%s/a", path), 0);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    f = fopen(file, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
    free(file);
    return path;
}

/* It is held from the first moment, and gone when nobody holds it. */
START_TEST(test_adopt)
{
    struct uploads_adoption what = { .bytes = 5, .digest = "00ff" };
    char id[UPLOADS_ID_MAX + 1] = "";
    struct uploads_info info;
    unsigned removed = 9;
    char *path = NULL;
    char *tree = NULL;

    start();
    path = stranger("hello");
    what.folder = path;
    ck_ok(uploads_adopt(up, &what, id, &err), &err);
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_ok(uploads_get(up, id, &info, &err), &err);
    ck_assert(info.held && info.transient && info.unpacked);
    ck_assert_uint_eq(info.files, info.complete);
    ck_assert_uint_eq(info.bytes, 5);
    ck_assert_str_eq(info.digest, "00ff");
    ck_assert_uint_eq(uploads_bytes(up), 5);
    ck_ok(uploads_prepare(up, id, NULL, NULL, &tree, &err), &err);
    ck_assert_uint_eq(count_entries("trees"), 1);
    ck_ok(uploads_sweep_transient(up, &err), &err);
    ck_ok(uploads_get(up, id, &info, &err), &err);
    uploads_release(up, id);
    ck_ok(uploads_sweep(up, time(NULL), &removed, &err), &err);
    ck_assert_uint_eq(removed, 1);
    ck_fails(uploads_get(up, id, &info, &err), &err, ERR_NOT_FOUND, id);
    ck_assert_uint_eq(count_entries("trees"), 0);
    ck_assert_uint_eq(uploads_bytes(up), 0);
    free(tree);
    free(path);
    stop();
}
END_TEST

/* A new process holds nothing by itself: what is transient can go. */
START_TEST(test_adopted_and_left)
{
    struct uploads_adoption what = { .bytes = 5 };
    char id[UPLOADS_ID_MAX + 1] = "";
    struct uploads_info info;
    char *path;

    start();
    path = stranger("hello");
    what.folder = path;
    ck_ok(uploads_adopt(up, &what, id, &err), &err);
    close_all();
    open_all();
    ck_assert_uint_eq(uploads_bytes(up), 5);
    ck_ok(uploads_get(up, id, &info, &err), &err);
    ck_assert_str_eq(info.digest, "");
    ck_ok(uploads_sweep_transient(up, &err), &err);
    ck_fails(uploads_get(up, id, &info, &err), &err, ERR_NOT_FOUND, id);
    free(path);
    stop();
}
END_TEST

START_TEST(test_adopt_beyond_the_quota)
{
    struct uploads_adoption what = { .bytes = 5 };
    char id[UPLOADS_ID_MAX + 1] = "";
    char *path;

    start();
    limits.quota = 4;
    close_all();
    open_all();
    path = stranger("hello");
    what.folder = path;
    ck_fails(uploads_adopt(up, &what, id, &err), &err, ERR_QUOTA, "quota");
    ck_assert_uint_eq(count_entries("trees"), 0);
    ck_assert_int_eq(access(path, F_OK), 0);
    free(path);
    stop();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_folder,
                                   test_put_after_prepare,
                                   test_archive,
                                   test_checkpoint,
                                   test_damaged_archive,
                                   test_cancel,
                                   test_concat,
                                   test_concat_archive,
                                   test_sweep,
                                   test_recovery,
                                   test_threads,
                                   test_adopt,
                                   test_adopted_and_left,
                                   test_adopt_beyond_the_quota };

    return unit_run("uploads_tree", tests, sizeof tests / sizeof *tests);
}
