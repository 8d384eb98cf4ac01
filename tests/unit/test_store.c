/*
 * store/: names, and the local folder beside its in-memory twin.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
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

enum { LARGE = 3 << 20, PAGE = 4096, LARGE_PAGES = LARGE / PAGE };

/* How many pages of a file the system holds. */
static unsigned resident(const char *path)
{
    unsigned char held[LARGE_PAGES];
    int fd = open(path, O_RDONLY);
    void *p = mmap(NULL, LARGE, PROT_READ, MAP_SHARED, fd, 0);
    unsigned n = 0;

    ck_assert_ptr_ne(p, MAP_FAILED);
    ck_assert_int_eq(mincore(p, LARGE, held), 0);
    for (unsigned i = 0; i < LARGE_PAGES; i++)
        n += held[i] & 1U;
    munmap(p, LARGE);
    close(fd);
    return n;
}

static void put_large(const char *path, bool keep)
{
    unsigned char *data = malloc(LARGE);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < LARGE; i++)
        data[i] = (unsigned char)(i * 7 + i / 5000);
    ck_assert_int_eq(write(fd, data, LARGE), LARGE);
    ck_assert_int_eq(fsync(fd), 0);
    if (!keep)
        ck_assert_int_eq(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    close(fd);
    free(data);
}

static void check_large(struct store *s, enum store_soon what)
{
    struct buf b = BUF_INIT(LARGE);
    struct error err;
    size_t wrong = 0;

    if (what == STORE_SOON_GET) {
        ck_ok(store_get(s, "large", LARGE, &b, &err), &err);
    } else {
        ck_ok(buf_resize(&b, LARGE, &err), &err);
        ck_ok(store_read(s, "large", 0, b.data, LARGE, &err), &err);
    }
    for (size_t i = 0; i < LARGE; i++)
        wrong += b.data[i] != (unsigned char)(i * 7 + i / 5000);
    ck_assert_uint_eq(wrong, 0);
    buf_done(&b);
}

/* The page cache is left as it was found: without, and with the file. */
START_TEST(test_local_ahead)
{
    static const enum store_soon kinds[] = { STORE_SOON_GET, STORE_SOON_READ };
    char dir[] = "switchyard-test-XXXXXX";
    char path[100];
    struct store *s = NULL;
    struct error err;
    uint64_t memory = 1;
    unsigned before;

    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/large", dir);
    ck_ok(store_local_open(dir, &s, &err), &err);
    for (int i = 0; i < 4; i++) {
        put_large(path, i % 2);
        before = resident(path);
        ck_assert(store_set_ahead(s, LARGE, &memory));
        ck_assert_uint_eq(memory, 0);
        ck_assert(store_soon(s, kinds[i / 2], "large", 0, LARGE));
        ck_assert(store_soon(s, kinds[i / 2], "large", 0, LARGE));
        ck_assert(store_soon(s, kinds[i / 2], "none", 0, 5));
        ck_assert(!store_soon(s, kinds[i / 2], "large", 9, LARGE));
        check_large(s, kinds[i / 2]);
        if (before == 0 || before == LARGE_PAGES)
            ck_assert_uint_eq(resident(path), before);
        check_large(s, kinds[i / 2]);
    }
    /* What nobody reads is no harm. */
    ck_assert(store_soon(s, STORE_SOON_GET, "large", 0, LARGE));
    store_set_ahead(s, 0, NULL);
    ck_assert(!store_soon(s, STORE_SOON_GET, "large", 0, LARGE));
    store_free(s);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_names, test_memory, test_local,
                                   test_local_ahead };

    return unit_run("store", tests, sizeof tests / sizeof *tests);
}
