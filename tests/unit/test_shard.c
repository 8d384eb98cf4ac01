/*
 * checkpoint/shard.c: what is read of shards, what is remembered, and damage.
 */
#include "unit.h"

#include <stdio.h>

#include "zarr3_fixture.h"

/* A shard of two chunks of one float each: 1 and 2, then the index. */
static const unsigned char shard[40] = {
    0, 0, 0x80, 0x3f, 0, 0, 0, 0x40,                         /* data */
    0, 0, 0,    0,    0, 0, 0, 0,    4, 0, 0, 0, 0, 0, 0, 0, /* first */
    4, 0, 0,    0,    0, 0, 0, 0,    4, 0, 0, 0, 0, 0, 0, 0, /* second */
};

/* A byte of it that is changed, and what reading the second chunk says. */
static const struct {
    size_t len;
    size_t at;
    unsigned char value;
    const char *word;
    const char *expected;
    const char *actual;
} damages[] = {
    { 31, 0, 0, "too short to hold its shard index", "at least 32 bytes",
      "31 bytes" },
    { 0, 0, 0, "too short to hold its shard index", "at least 32 bytes",
      "0 bytes" },
    { 40, 24, 37, "lies outside of its shard", "bytes 0 to 40",
      "4 bytes from 37" },
    { 40, 31, 0x80, "lies outside of its shard", "bytes 0 to 40", "" },
    { 40, 39, 0xff, "lies outside of its shard", "bytes 0 to 40", "" },
    { 40, 32, 3, "decodes to 3 bytes", "4 bytes", "3 bytes" },
    { 40, 32, 0, "decodes to 0 bytes", "4 bytes", "0 bytes" },
};

START_TEST(test_damaged_shard)
{
    unsigned char bytes[sizeof shard];
    struct store *s = store_with("codecs", SHARDS("[1]", ""));
    struct array *a = open_array(s, "dir");
    struct scratch *scratch;
    const void *data = NULL;
    struct error err;

    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        scratch = new_scratch();
        memcpy(bytes, shard, sizeof bytes);
        bytes[damages[i].at] = damages[i].value;
        put(s, "dir/c/0", bytes, damages[i].len);
        ck_fails(array_read_chunk(a, 1, ARRAY_MISSING_FILL, scratch, &data,
                                  NULL, &err),
                 &err, ERR_CHUNK, damages[i].word);
        ck_assert_ptr_nonnull(strstr(err.text, "chunk c/0 at [1] "));
        ck_assert_str_eq(err.expected, damages[i].expected);
        if (damages[i].actual[0])
            ck_assert_str_eq(err.actual, damages[i].actual);
        ck_assert(err.hint[0]);
        scratch_free(scratch);
    }
    scratch = new_scratch();
    put(s, "dir/c/0", shard, sizeof shard);
    ck_ok(
        array_read_chunk(a, 1, ARRAY_MISSING_FILL, scratch, &data, NULL, &err),
        &err);
    ck_assert_mem_eq(data, shard + 4, 4);
    scratch_free(scratch);
    array_free(a);
    store_free(s);
}
END_TEST

START_TEST(test_damaged_index)
{
    unsigned char bytes[sizeof shard + 4] = { 0 };
    struct store *s = store_with("codecs", SHARDS("[1]", "," CRC));
    struct array *a = open_array(s, "dir");
    struct scratch *scratch = new_scratch();
    const void *data = NULL;
    struct error err;

    memcpy(bytes, shard, sizeof shard);
    put(s, "dir/c/0", bytes, sizeof bytes);
    ck_fails(
        array_read_chunk(a, 0, ARRAY_MISSING_FILL, scratch, &data, NULL, &err),
        &err, ERR_CHUNK,
        "chunk c/0 at [0] has a shard index that does not have the checksum");
    ck_assert_str_eq(err.expected, "crc32c 00000000");
    scratch_free(scratch);
    array_free(a);
    store_free(s);
}
END_TEST

/* A store that counts what is asked of the one below it. */
struct counting {
    struct store base;
    struct store *below;
    unsigned sizes;
    unsigned reads;
    unsigned gets;
    uint64_t bytes;
};

static int count_size(struct store *s, const char *name, uint64_t *size,
                      struct error *err)
{
    struct counting *c = (struct counting *)s;

    c->sizes++;
    return store_size(c->below, name, size, err);
}

static int count_read(struct store *s, const char *name, uint64_t offset,
                      void *dst, size_t len, struct error *err)
{
    struct counting *c = (struct counting *)s;

    c->reads++;
    c->bytes += len;
    return store_read(c->below, name, offset, dst, len, err);
}

static int count_get(struct store *s, const char *name, uint64_t max,
                     struct buf *b, struct error *err)
{
    struct counting *c = (struct counting *)s;

    c->gets++;
    return store_get(c->below, name, max, b, err);
}

static const struct store_ops counting_ops = { .size = count_size,
                                               .read = count_read,
                                               .get = count_get };

/* The index is read once, and of each chunk its own bytes. */
START_TEST(test_reads_of_shards)
{
    struct counting c = { .base = { &counting_ops, NULL } };
    struct scratch *scratch = new_scratch();
    const void *data = NULL;
    struct array *a;
    struct error err;

    c.below = store_with("codecs", SHARDS("[1]", ""));
    put(c.below, "dir/c/0", shard, sizeof shard);
    a = open_array(&c.base, "dir");
    for (uint64_t i = 0; i < 12; i++)
        ck_ok(array_read_chunk(a, i % 4, ARRAY_MISSING_ERROR, scratch, &data,
                               NULL, &err),
              &err);
    ck_assert_msg(c.sizes == 2, "one for each shard, not %u", c.sizes);
    ck_assert_uint_eq(c.reads, 1 + 6);
    ck_assert_uint_eq(c.bytes, 32 + 6 * 4);
    array_free(a);
    /* Another array at what may be the same address is another array. */
    a = open_array(&c.base, "dir");
    ck_ok(
        array_read_chunk(a, 0, ARRAY_MISSING_ERROR, scratch, &data, NULL, &err),
        &err);
    ck_assert_uint_eq(c.sizes, 3);
    array_free(a);
    store_free(c.below);
    scratch_free(scratch);
}
END_TEST

/* A shard of one chunk is one request; at offset 3, so it has to be moved. */
START_TEST(test_single)
{
    static const unsigned char bytes[] = {
        9, 9, 9, 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40, /* data */
        3, 0, 0, 0, 0, 0,    0,    0, 8, 0, 0,    0, 0, 0, 0, 0,
    };
    static const float want[] = { 1, 2 };
    unsigned char damaged[sizeof bytes];
    struct counting c = { .base = { &counting_ops, NULL } };
    struct scratch *scratch = new_scratch();
    const void *data = NULL;
    struct array *a;
    struct error err;

    c.below = store_with("codecs", SHARDS("[2]", ""));
    put(c.below, "dir/c/0", bytes, sizeof bytes);
    a = open_array(&c.base, "dir");
    c.gets = c.sizes = c.reads = 0;
    ck_ok(
        array_read_chunk(a, 0, ARRAY_MISSING_ERROR, scratch, &data, NULL, &err),
        &err);
    ck_assert_mem_eq(data, want, sizeof want);
    ck_assert_uint_eq((uintptr_t)data % sizeof(float), 0);
    ck_ok(
        array_read_chunk(a, 1, ARRAY_MISSING_ERROR, scratch, &data, NULL, &err),
        &err);
    ck_assert_msg(((const float *)data)[0] == 1.5F, "the fill value");
    ck_assert_uint_eq(c.gets, 2);
    ck_assert_uint_eq(c.sizes + c.reads, 0);
    memcpy(damaged, bytes, sizeof bytes);
    damaged[11] = 20;
    put(c.below, "dir/c/0", damaged, sizeof damaged);
    ck_fails(
        array_read_chunk(a, 0, ARRAY_MISSING_ERROR, scratch, &data, NULL, &err),
        &err, ERR_CHUNK, "chunk c/0 at [0] lies outside of its shard");
    memset(damaged + 11, 0xff, 16);
    put(c.below, "dir/c/0", damaged, sizeof damaged);
    ck_ok(
        array_read_chunk(a, 0, ARRAY_MISSING_ERROR, scratch, &data, NULL, &err),
        &err);
    ck_assert_msg(((const float *)data)[0] == 1.5F, "not stored in it");
    put(c.below, "dir/c/0", bytes, 15);
    ck_fails(
        array_read_chunk(a, 0, ARRAY_MISSING_ERROR, scratch, &data, NULL, &err),
        &err, ERR_CHUNK, "too short to hold its shard index");
    array_free(a);
    store_free(c.below);
    scratch_free(scratch);
}
END_TEST

/* The metadata of uint16 in shards of so many chunks, one element each. */
static char *many_meta(unsigned shards, unsigned chunks)
{
    char *meta = meta_with("codecs", SHARDS("[1]", ""));
    json_t *json = json_loads(meta, 0, NULL);

    ck_assert_ptr_nonnull(json);
    free(meta);
    json_object_set_new(json, "shape", json_pack("[i]", shards * chunks));
    json_object_set_new(json, "data_type", json_string("uint16"));
    json_object_set_new(json, "fill_value", json_integer(0));
    json_object_set_new(json, "chunk_grid",
                        json_pack("{s:s,s:{s:[i]}}", "name", "regular",
                                  "configuration", "chunk_shape", chunks));
    meta = json_dumps(json, 0);
    json_decref(json);
    return meta;
}

static uint16_t many_value(unsigned seed, uint64_t shard_at, uint64_t chunk_at)
{
    return (uint16_t)(seed + shard_at * 7 + chunk_at);
}

/* Such an array in the folder; elements and their order depend on the seed. */
static void put_many(struct store *s, const char *folder, unsigned shards,
                     unsigned chunks, unsigned seed)
{
    size_t len = (size_t)chunks * 18;
    unsigned char *bytes = malloc(len);
    char *meta = many_meta(shards, chunks);
    char name[40];

    ck_assert_ptr_nonnull(bytes);
    snprintf(name, sizeof name, "%s/zarr.json", folder);
    put(s, name, meta, strlen(meta));
    for (unsigned i = 0; i < shards; i++) {
        for (unsigned c = 0; c < chunks; c++) {
            uint16_t value = many_value(seed, i, c);
            uint64_t pair[2] = { 2 * ((c + seed) % chunks), 2 };

            memcpy(bytes + pair[0], &value, 2);
            memcpy(bytes + 2 * chunks + 16 * c, pair, 16);
        }
        snprintf(name, sizeof name, "%s/c/%u", folder, i);
        put(s, name, bytes, len);
    }
    free(bytes);
    free(meta);
}

static void check_one(const struct array *a, unsigned chunks, unsigned seed,
                      uint64_t shard_at, uint64_t chunk_at,
                      struct scratch *scratch)
{
    uint16_t want = many_value(seed, shard_at, chunk_at);
    const void *data = NULL;
    struct error err;

    ck_ok(array_read_chunk(a, shard_at * chunks + chunk_at, ARRAY_MISSING_ERROR,
                           scratch, &data, NULL, &err),
          &err);
    ck_assert_mem_eq(data, &want, 2);
}

/* Two arrays with more indexes than are kept, some in the same place. */
START_TEST(test_many_shards)
{
    enum { COUNT = 2500, CHUNKS = 64 };
    struct scratch *scratch = new_scratch();
    struct store *s = new_store(NULL);
    struct array *a, *b;

    put_many(s, "a", COUNT, CHUNKS, 1);
    put_many(s, "b", COUNT, CHUNKS, 2);
    a = open_array(s, "a");
    b = open_array(s, "b");
    for (uint64_t i = 0; i < COUNT; i++) {
        check_one(a, CHUNKS, 1, i, i % CHUNKS, scratch);
        check_one(b, CHUNKS, 2, i, i % CHUNKS, scratch);
    }
    for (uint64_t i = 0; i < 20000; i++)
        check_one(i % 2 ? a : b, CHUNKS, i % 2 ? 1 : 2, i * 2654435761U % COUNT,
                  i * 40503U % CHUNKS, scratch);
    array_free(a);
    array_free(b);
    store_free(s);
    scratch_free(scratch);
}
END_TEST

/* Indexes of a megabyte: five of them are kept, twenty are not. */
START_TEST(test_cache_is_bounded)
{
    enum { COUNT = 20, CHUNKS = 1 << 16 };
    struct counting c = { .base = { &counting_ops, NULL } };
    struct scratch *scratch = new_scratch();
    struct array *a;

    c.below = new_store(NULL);
    put_many(c.below, "a", COUNT, CHUNKS, 3);
    a = open_array(&c.base, "a");
    for (unsigned round = 0; round < 2; round++)
        for (uint64_t i = 0; i < 5; i++)
            check_one(a, CHUNKS, 3, i, 77, scratch);
    ck_assert_uint_eq(c.sizes, 5);
    for (uint64_t i = 0; i < COUNT; i++)
        check_one(a, CHUNKS, 3, i, 77, scratch);
    ck_assert_uint_eq(c.sizes, COUNT);
    check_one(a, CHUNKS, 3, 0, 78, scratch);
    ck_assert_msg(c.sizes == COUNT + 1, "the first index was kept");
    array_free(a);
    store_free(c.below);
    scratch_free(scratch);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_damaged_shard, test_damaged_index, test_reads_of_shards,
        test_single,        test_many_shards,   test_cache_is_bounded,
    };

    return unit_run("shard", tests, sizeof tests / sizeof *tests);
}
