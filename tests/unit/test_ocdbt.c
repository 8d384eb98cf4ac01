/*
 * store/ocdbt.h over databases that tensorstore wrote; test_ocdbt_built.c has
 * those that nobody would write.
 */
#include "unit.h"

#include <pthread.h>
#include <stdio.h>

#include "records.h"
#include "store/ocdbt.h"

static struct records records;

/* The database of that name, and the store that it is in. */
static struct store *open_record(const char *name, struct store **base)
{
    struct store *s = NULL;
    struct error err;

    *base = records_store(&records, name);
    ck_ok(ocdbt_open(*base, "db", &s, &err), &err);
    return s;
}

static void compare(struct store *s, const char *key, const struct record *want)
{
    struct buf b = BUF_INIT(1 << 20);
    unsigned char part[1024];
    struct error err;
    uint64_t size = 0;
    size_t half = want->len / 2;

    ck_ok(store_size(s, key, &size, &err), &err);
    ck_assert_uint_eq(size, want->len);
    ck_ok(store_get(s, key, 1 << 20, &b, &err), &err);
    ck_assert_uint_eq(b.len, want->len);
    if (b.len > 0)
        ck_assert_mem_eq(b.data, want->data, b.len);
    ck_ok(store_read(s, key, half, part, want->len - half, &err), &err);
    if (want->len > half)
        ck_assert_mem_eq(part, want->data + half, want->len - half);
    ck_fails(store_read(s, key, half, part, want->len - half + 1, &err), &err,
             ERR_READ, key);
    if (want->len > 0)
        ck_fails(store_get(s, key, want->len - 1, &b, &err), &err, ERR_LIMIT,
                 key);
    buf_done(&b);
}

struct count {
    struct store *s;
    const char *folder;
    size_t keys;
};

static int count_key(void *ctx, const char *name, bool is_folder,
                     struct error *err)
{
    struct count *c = ctx;
    struct count inner = { .s = c->s };
    char path[STORE_NAME_MAX + 1];
    uint64_t size;

    snprintf(path, sizeof path, "%s%s%s", c->folder, *c->folder ? "/" : "",
             name);
    inner.folder = path;
    if (is_folder)
        ck_ok(store_list(c->s, path, count_key, &inner, err), err);
    else
        ck_ok(store_size(c->s, path, &size, err), err);
    c->keys += is_folder ? inner.keys : 1;
    return 0;
}

static const char *const databases[] = { "flat",     "tall",   "plain",
                                         "numbered", "edited", "emptied" };

static void check_database(const char *name)
{
    struct store *base = NULL;
    struct store *s = open_record(name, &base);
    struct count listed = { .s = s, .folder = "" };
    struct error err;
    char prefix[64];
    size_t keys = 0;

    snprintf(prefix, sizeof prefix, "%s/want/", name);
    for (size_t i = 0; i < records.count; i++) {
        if (strncmp(records.items[i].name, prefix, strlen(prefix)) != 0)
            continue;
        compare(s, records.items[i].name + strlen(prefix), &records.items[i]);
        keys++;
    }
    ck_assert(keys > 0 || !strcmp(name, "emptied"));
    ck_ok(store_list(s, "", count_key, &listed, &err), &err);
    ck_assert_uint_eq(listed.keys, keys);
    store_free(s);
    store_free(base);
}

START_TEST(test_databases)
{
    for (size_t i = 0; i < sizeof databases / sizeof *databases; i++)
        check_database(databases[i]);
}
END_TEST

static int collect(void *ctx, const char *name, bool is_folder,
                   struct error *err)
{
    struct buf *b = ctx;

    (void)err;
    buf_printf(b, "%s%s ", name, is_folder ? "/" : "");
    return 0;
}

START_TEST(test_absent)
{
    struct store *base = NULL;
    struct store *s = open_record("edited", &base);
    struct buf b = BUF_INIT(1000);
    struct error err;
    uint64_t size;

    ck_fails(store_size(s, "target.layers_1.kernel/0.0", &size, &err), &err,
             ERR_NOT_FOUND, "target.layers_1.kernel/0.0");
    ck_fails(store_size(s, "step", &size, &err), &err, ERR_NOT_FOUND, "step");
    ck_fails(store_size(s, "zzz", &size, &err), &err, ERR_NOT_FOUND, "zzz");
    ck_fails(store_size(s, "../a", &size, &err), &err, ERR_PATH, "../a");
    ck_fails(store_list(s, "zzz", collect, &b, &err), &err, ERR_NOT_FOUND,
             "zzz");
    ck_fails(store_list(s, "step/0", collect, &b, &err), &err, ERR_NOT_FOUND,
             "step/0");
    ck_fails(ocdbt_open(base, "elsewhere", &s, &err), &err, ERR_NOT_FOUND,
             "elsewhere/manifest.ocdbt");
    buf_done(&b);
    store_free(s);
    store_free(base);
}
END_TEST

/* Every cut and every flipped bit of a real database is found. */
START_TEST(test_damage)
{
    const struct record *manifest =
        records_find(&records, "flat/db/manifest.ocdbt");
    unsigned char *copy = malloc(manifest->len);
    struct store *base = records_store(&records, "flat");
    struct store *s = NULL;
    struct error err;

    ck_assert_ptr_nonnull(copy);
    for (size_t len = 0; len < manifest->len; len++) {
        ck_ok(store_memory_put(base, "db/manifest.ocdbt", manifest->data, len,
                               &err),
              &err);
        ck_fails(ocdbt_open(base, "db", &s, &err), &err, ERR_INDEX,
                 "db/manifest.ocdbt");
        ck_assert(err.expected[0] && err.actual[0] && err.hint[0]);
    }
    for (size_t bit = 0; bit < 8 * manifest->len; bit++) {
        memcpy(copy, manifest->data, manifest->len);
        copy[bit / 8] ^= (unsigned char)(1 << bit % 8);
        ck_ok(store_memory_put(base, "db/manifest.ocdbt", copy, manifest->len,
                               &err),
              &err);
        ck_fails(ocdbt_open(base, "db", &s, &err), &err, ERR_INDEX,
                 "db/manifest.ocdbt");
    }
    free(copy);
    store_free(base);
}
END_TEST

static void *read_all(void *arg)
{
    struct store *s = arg;

    for (size_t i = 0; i < records.count; i++)
        if (!strncmp(records.items[i].name, "tall/want/", 10))
            compare(s, records.items[i].name + 10, &records.items[i]);
    return NULL;
}

START_TEST(test_threads)
{
    struct store *base = NULL;
    struct store *s = open_record("tall", &base);
    pthread_t threads[4];

    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_all, s), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    store_free(s);
    store_free(base);
}
END_TEST

static void load(void)
{
    records_load(&records, "ocdbt");
}

static void unload(void)
{
    records_done(&records);
}

int main(void)
{
    const TTest *tests[] = { test_databases, test_absent, test_damage,
                             test_threads };

    return unit_run_in("ocdbt", tests, sizeof tests / sizeof *tests, load,
                       unload);
}
