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

/* More indexes than the cache keeps: 3000 shards of 512 chunks. */
START_TEST(test_many_shards)
{
    enum { SHARDS_ = 3000, CHUNKS = 512, BYTES_ = 16 * CHUNKS };
    unsigned char *bytes = malloc(BYTES_ + CHUNKS * 2);
    struct scratch *scratch = new_scratch();
    char *meta = meta_with("codecs", SHARDS("[1]", ""));
    const void *data = NULL;
    char name[32];
    struct array *a;
    struct store *s;
    struct error err;
    json_t *json = json_loads(meta, 0, NULL);

    ck_assert(bytes && json);
    free(meta);
    json_object_set_new(json, "shape", json_pack("[i]", SHARDS_ * CHUNKS));
    json_object_set_new(json, "data_type", json_string("uint16"));
    json_object_set_new(json, "fill_value", json_integer(0));
    json_object_set_new(json, "chunk_grid",
                        json_pack("{s:s,s:{s:[i]}}", "name", "regular",
                                  "configuration", "chunk_shape", CHUNKS));
    meta = json_dumps(json, 0);
    s = new_store(meta);
    for (unsigned i = 0; i < SHARDS_; i++) {
        for (unsigned c = 0; c < CHUNKS; c++) {
            uint16_t value = (uint16_t)(i * 7 + c);
            uint64_t pair[2] = { 2 * c, 2 };

            memcpy(bytes + 2 * c, &value, 2);
            memcpy(bytes + 2 * CHUNKS + 16 * c, pair, 16);
        }
        snprintf(name, sizeof name, "dir/c/%u", i);
        put(s, name, bytes, BYTES_ + CHUNKS * 2);
    }
    a = open_array(s, "dir");
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t shard_at = i * 2654435761U % SHARDS_;
        uint64_t chunk_at = i * 40503U % CHUNKS;
        uint16_t want = (uint16_t)(shard_at * 7 + chunk_at);

        ck_ok(array_read_chunk(a, shard_at * CHUNKS + chunk_at,
                               ARRAY_MISSING_ERROR, scratch, &data, NULL, &err),
              &err);
        ck_assert_mem_eq(data, &want, 2);
    }
    array_free(a);
    store_free(s);
    json_decref(json);
    free(meta);
    free(bytes);
    scratch_free(scratch);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_damaged_shard, test_damaged_index, test_reads_of_shards,
        test_single,        test_many_shards,
    };

    return unit_run("shard", tests, sizeof tests / sizeof *tests);
}
