/*
 * store/: names, and the local folder beside its in-memory twin.
 */
#include "unit.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store.h"

START_TEST(test_names)
{
    static const char *const bad[] = { "",   "/a",     "a/",  "a//b", ".",
                                       "..", "a/../b", "./a", "a/..", "../a" };
    static const char *const good[] = { "a", "a/b", "a..b/...", ".hidden" };
    char deep[2 * STORE_DEPTH_MAX + 2];
    struct error err;

    for (size_t i = 0; i < sizeof deep; i++)
        deep[i] = i % 2 ? '/' : 'a';
    deep[2 * STORE_DEPTH_MAX + 1] = '\0';
    ck_assert_int_eq(store_check_name(deep, &err), ERR_PATH);
    deep[2 * STORE_DEPTH_MAX - 1] = '\0';
    ck_assert_int_eq(store_check_name(deep, &err), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_eq(store_check_name(bad[i], &err), ERR_PATH);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_int_eq(store_check_name(good[i], &err), 0);
}
END_TEST

struct seen {
    unsigned files, folders;
};

static int count_entry(void *ctx, const char *name, bool is_folder,
                       struct error *err)
{
    struct seen *seen = ctx;

    (void)err;
    ck_assert_str_ne(name, ".");
    if (is_folder)
        seen->folders++;
    else
        seen->files++;
    return 0;
}

/* Both implementations hold: top = "hello", dir/a = "x", dir/b = "". */
static void check_store(struct store *s)
{
    struct buf b = BUF_INIT(1000);
    struct error err;
    struct seen seen = { 0, 0 };
    uint64_t size = 0;
    char part[3];

    ck_ok(store_size(s, "top", &size, &err), &err);
    ck_assert_uint_eq(size, 5);
    ck_ok(store_read(s, "top", 2, part, 3, &err), &err);
    ck_assert_mem_eq(part, "llo", 3);
    ck_fails(store_read(s, "top", 4, part, 3, &err), &err, ERR_READ, "top");
    ck_ok(store_get(s, "dir/a", 100, &b, &err), &err);
    ck_assert_uint_eq(b.len, 1);
    ck_ok(store_get(s, "dir/b", 100, &b, &err), &err);
    ck_assert_uint_eq(b.len, 0);
    ck_fails(store_get(s, "top", 4, &b, &err), &err, ERR_LIMIT, "top");
    ck_fails(store_get(s, "none", 4, &b, &err), &err, ERR_NOT_FOUND, "none");
    ck_fails(store_get(s, "dir", 4, &b, &err), &err, ERR_NOT_FOUND, "dir");
    ck_fails(store_size(s, "../top", &size, &err), &err, ERR_PATH, "../top");
    ck_ok(store_list(s, "", count_entry, &seen, &err), &err);
    ck_assert_uint_eq(seen.files, 1);
    ck_assert_uint_eq(seen.folders, 1);
    ck_ok(store_list(s, "dir", count_entry, &seen, &err), &err);
    ck_assert_uint_eq(seen.files, 3);
    ck_fails(store_list(s, "no", count_entry, &seen, &err), &err, ERR_NOT_FOUND,
             "no");
    buf_done(&b);
    store_free(s);
}

START_TEST(test_memory)
{
    struct store *s = NULL;
    struct error err;

    ck_ok(store_memory_new(&s, &err), &err);
    ck_ok(store_memory_put(s, "top", "old", 3, &err), &err);
    ck_ok(store_memory_put(s, "top", "hello", 5, &err), &err);
    ck_ok(store_memory_put(s, "dir/a", "x", 1, &err), &err);
    ck_ok(store_memory_put(s, "dir/b", "", 0, &err), &err);
    check_store(s);
}
END_TEST

static void put_file(const char *dir, const char *name, const char *text)
{
    char path[200];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(test_local)
{
    char dir[] = "/tmp/switchyard-test-XXXXXX";
    char command[200];
    char sub[100];
    struct store *s = NULL;
    struct error err;

    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(sub, sizeof sub, "%s/dir", dir);
    ck_assert_int_eq(mkdir(sub, 0700), 0);
    put_file(dir, "top", "hello");
    put_file(sub, "a", "x");
    put_file(sub, "b", "");
    ck_ok(store_local_open(dir, &s, &err), &err);
    check_store(s);
    snprintf(command, sizeof command, "rm -r %s", dir);
    ck_assert_int_eq(system(command), 0);
    ck_fails(store_local_open(dir, &s, &err), &err, ERR_NOT_FOUND, dir);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_names, test_memory, test_local };

    return unit_run("store", tests, sizeof tests / sizeof *tests);
}
