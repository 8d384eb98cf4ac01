/*
 * checkpoint/zarr3.c, zarr3_meta.c, zarr3_codecs.c and chain.c: arrays that
 * tensorstore and zarr-python wrote, what zarr.json may say, and damage.
 */
#include "unit.h"

#include <stdio.h>

#include "checkpoint/fill.h"
#include "records.h"
#include "zarr3_fixture.h"

START_TEST(test_fixtures)
{
    struct records records;
    struct store *s;
    struct array *a;
    char folder[100];
    size_t seen = 0;

    records_load(&records, "zarr3");
    s = records_store(&records, "");
    for (size_t i = 0; i < records.count; i++) {
        const struct record *r = &records.items[i];

        if (strncmp(r->name, "expect/", 7) != 0)
            continue;
        snprintf(folder, sizeof folder, "%.*s", (int)strcspn(r->name + 7, "|"),
                 r->name + 7);
        a = open_array(s, folder);
        records_compare(r, a);
        array_free(a);
        seen++;
    }
    ck_assert_uint_ge(seen, 120);
    store_free(s);
    records_done(&records);
}
END_TEST

/* The grid is that of the innermost chunks. */
START_TEST(test_grid_of_shards)
{
    struct records records;
    struct store *s;
    struct array *a;

    records_load(&records, "zarr3");
    s = records_store(&records, "");
    a = open_array(s, "shard-end-nested");
    ck_assert_uint_eq(a->chunk[0], 2);
    ck_assert_uint_eq(a->chunk[1], 3);
    ck_assert_uint_eq(array_chunks(a), 25);
    ck_assert_str_eq(a->codec, "zstd");
    array_free(a);
    a = open_array(s, "shard-transposed");
    ck_assert_uint_eq(a->chunk[0], 4);
    ck_assert_uint_eq(a->chunk[1], 3);
    ck_assert_uint_eq(a->chunk[2], 2);
    array_free(a);
    a = open_array(s, "codec-crc-gzip");
    ck_assert_str_eq(a->codec, "gzip");
    array_free(a);
    a = open_array(s, "codec-crc");
    ck_assert_str_eq(a->codec, "raw");
    array_free(a);
    store_free(s);
    records_done(&records);
}
END_TEST

START_TEST(test_absent)
{
    struct store *s = new_store(good_meta);
    struct array *a = open_array(s, "dir");
    struct scratch *scratch = new_scratch();
    const float want[2] = { 1.5F, 1.5F };
    const void *data = NULL;
    struct error err;
    bool missing = true;

    ck_ok(array_read_chunk(a, 1, ARRAY_MISSING_ERROR, scratch, &data, &missing,
                           &err),
          &err);
    ck_assert_msg(!missing, "it is legitimate here");
    ck_assert_mem_eq(data, want, sizeof want);
    array_free(a);
    a = NULL;
    ck_fails(zarr_open(s, "none", "a", &a, &err), &err, ERR_METADATA,
             "none is no zarr array");
    ck_assert_ptr_null(a);
    scratch_free(scratch);
    store_free(s);
}
END_TEST

/* What stands in place of one member of good_meta; NULL: it is not there. */
static const struct {
    const char *member;
    const char *value;
    enum error_code code; /* 0: it opens */
    const char *word;
} metadata[] = {
    { "zarr_format", "2", ERR_METADATA, "zarr_format" },
    { "zarr_format", NULL, ERR_METADATA, "zarr_format" },
    { "node_type", "\"group\"", ERR_METADATA, "node_type" },
    { "node_type", NULL, ERR_METADATA, "node_type" },
    { "shape", "[-4]", ERR_METADATA, "shape" },
    { "shape", "[4,4]", ERR_METADATA, "rank" },
    { "shape", "[9223372036854775807]", ERR_LIMIT, "too large" },
    { "shape", NULL, ERR_METADATA, "shape" },
    { "data_type", "\"float33\"", ERR_DTYPE, "not numeric" },
    { "data_type", "\"string\"", ERR_DTYPE, "not numeric" },
    { "data_type", "\"r16\"", ERR_DTYPE, "not numeric" },
    { "data_type", "{\"name\":\"float32\"}", 0, "" },
    { "data_type", "{\"name\":\"float32\",\"configuration\":{\"unit\":\"s\"}}",
      ERR_DTYPE, "not numeric" },
    { "data_type", "3", ERR_METADATA, "data_type" },
    { "data_type", NULL, ERR_METADATA, "data_type" },
    { "chunk_grid", NULL, ERR_METADATA, "chunk_grid" },
    { "chunk_grid", "{\"name\":\"rectangular\",\"configuration\":{}}",
      ERR_FORMAT, "'rectangular'" },
    { "chunk_grid", "{\"name\":\"regular\"}", ERR_METADATA, "chunk_shape" },
    { "chunk_grid",
      "{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[0]}}",
      ERR_METADATA, "empty" },
    { "chunk_grid",
      "{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[2,2]}}",
      ERR_METADATA, "rank" },
    { "chunk_grid",
      "{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[2],\"x\":1}}",
      ERR_FORMAT, "'x'" },
    { "chunk_grid",
      "{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":"
      "[9223372036854775807]}}",
      ERR_LIMIT, "too large" },
    { "chunk_key_encoding", "\"default\"", 0, "" },
    { "chunk_key_encoding", "{\"name\":\"v3\"}", ERR_FORMAT, "'v3'" },
    { "chunk_key_encoding",
      "{\"name\":\"v2\",\"configuration\":{\"separator\":\"-\"}}", ERR_METADATA,
      "separator" },
    { "chunk_key_encoding",
      "{\"name\":\"v2\",\"configuration\":{\"suffix\":\"-\"}}", ERR_FORMAT,
      "'suffix'" },
    { "chunk_key_encoding", NULL, ERR_METADATA, "chunk_key_encoding" },
    { "fill_value", NULL, ERR_METADATA, "fill_value" },
    { "fill_value", "null", ERR_METADATA, "fill_value" },
    { "fill_value", "\"1.5\"", ERR_METADATA, "fill_value" },
    { "codecs", NULL, ERR_METADATA, "codecs" },
    { "codecs", "[]", ERR_METADATA, "codecs" },
    { "codecs", "[4]", ERR_METADATA, "no valid codec" },
    { "codecs", "[\"crc32c\"]", ERR_METADATA, "before there are any" },
    { "codecs", "[\"bytes\"]", ERR_METADATA, "endian" },
    { "codecs",
      "[{\"name\":\"bytes\",\"configuration\":{\"endian\":\"native\"}}]",
      ERR_METADATA, "endian" },
    { "codecs", "[" BYTES ",\"crc32c\"]", 0, "" },
    { "codecs", "[" BYTES ",\"lzma\"]", ERR_FORMAT, "'lzma'" },
    { "codecs", "[" BYTES ",{\"name\":\"lzma\",\"must_understand\":false}]",
      ERR_FORMAT, "'lzma'" },
    { "codecs", "[" BYTES ",{\"name\":\"gzip\",\"level\":1}]", ERR_FORMAT,
      "'level'" },
    { "codecs", "[" BYTES "," BYTES "]", ERR_METADATA, "behind bytes" },
    { "codecs",
      "[" BYTES "," CRC "," CRC "," CRC "," CRC "," CRC "," CRC "," CRC "," CRC
      "," CRC "]",
      ERR_FORMAT, "too many codecs" },
    { "codecs",
      "[{\"name\":\"transpose\",\"configuration\":{\"order\":[1]}}," BYTES "]",
      ERR_METADATA, "order" },
    { "codecs",
      "[{\"name\":\"transpose\",\"configuration\":{\"order\":[0,0]}}," BYTES
      "]",
      ERR_METADATA, "order" },
    { "codecs", "[\"transpose\"," BYTES "]", ERR_METADATA, "order" },
    { "codecs", "[" BYTES ",{\"name\":\"transpose\"}]", ERR_METADATA,
      "behind bytes" },
    { "codecs", "[\"sharding_indexed\"]", ERR_METADATA, "sharding_indexed" },
    { "codecs", SHARDS("[1]", ""), 0, "" },
    { "codecs", SHARDS("[2]", "," CRC), 0, "" },
    { "codecs", SHARDS("[0]", ""), ERR_METADATA, "do not fill" },
    { "codecs", SHARDS("[3]", ""), ERR_METADATA, "do not fill" },
    { "codecs", SHARDS("[1,1]", ""), ERR_METADATA, "rank" },
    { "codecs", SHARDS("[1]", ",{\"name\":\"gzip\"}"), ERR_METADATA,
      "fixed size" },
    { "codecs",
      "[{\"name\":\"sharding_indexed\",\"configuration\":{"
      "\"chunk_shape\":[1],\"codecs\":[" BYTES "]}}]",
      ERR_METADATA, "codecs" },
    { "codecs",
      "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[1],"
      "\"index_codecs\":[" BYTES "]}}]",
      ERR_METADATA, "codecs" },
    { "codecs",
      "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[1],"
      "\"codecs\":[" BYTES "],\"index_codecs\":[" BYTES "],\"index_location\":"
      "\"middle\"}}]",
      ERR_METADATA, "index_location" },
    { "codecs",
      "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[1],"
      "\"codecs\":[" BYTES "],\"index_codecs\":[" BYTES "]}}," CRC "]",
      ERR_FORMAT, "behind sharding_indexed" },
    { "attributes", "{\"a\":{\"b\":1}}", 0, "" },
    { "dimension_names", "[null]", 0, "" },
    { "storage_transformers", "[]", 0, "" },
    { "storage_transformers", "[{\"name\":\"x\"}]", ERR_FORMAT,
      "storage_transformers" },
    { "extra", "1", ERR_FORMAT, "'extra'" },
    { "extra", "{\"must_understand\":true}", ERR_FORMAT, "'extra'" },
    { "extra", "{\"must_understand\":false}", 0, "" },
};

START_TEST(test_metadata)
{
    struct array *a = NULL;
    struct error err;
    struct store *s;

    for (size_t i = 0; i < sizeof metadata / sizeof *metadata; i++) {
        s = store_with(metadata[i].member, metadata[i].value);
        if (metadata[i].code) {
            ck_fails(zarr_open(s, "dir", "a/b", &a, &err), &err,
                     metadata[i].code, metadata[i].word);
            ck_assert_str_eq(err.subject, "a/b");
            ck_assert_ptr_null(a);
        } else {
            ck_ok(zarr_open(s, "dir", "a/b", &a, &err), &err);
            array_free(a);
            a = NULL;
        }
        store_free(s);
    }
}
END_TEST

/* Shards inside shards, n levels of them, all of one chunk. */
static char *nested(unsigned n)
{
    static const char head[] = "{\"name\":\"sharding_indexed\","
                               "\"configuration\":{\"chunk_shape\":[2],"
                               "\"index_codecs\":[" BYTES "],\"codecs\":[";
    struct buf b = BUF_INIT(100000);

    buf_putc(&b, '[');
    for (unsigned i = 0; i < n; i++)
        buf_puts(&b, head);
    buf_puts(&b, BYTES);
    for (unsigned i = 0; i < n; i++)
        buf_puts(&b, "]}}");
    buf_putc(&b, ']');
    return buf_take_str(&b);
}

START_TEST(test_nesting)
{
    struct array *a = NULL;
    struct error err;
    struct store *s;
    char *codecs;

    codecs = nested(8);
    s = store_with("codecs", codecs);
    ck_ok(zarr_open(s, "dir", "a", &a, &err), &err);
    array_free(a);
    store_free(s);
    free(codecs);
    codecs = nested(9);
    s = store_with("codecs", codecs);
    ck_fails(zarr_open(s, "dir", "a", &a, &err), &err, ERR_FORMAT,
             "nested too deeply");
    store_free(s);
    free(codecs);
}
END_TEST

START_TEST(test_damaged_chunk)
{
    static const unsigned char crc[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    struct store *s = store_with("codecs", "[" BYTES "," CRC "]");
    struct array *a = open_array(s, "dir");
    struct scratch *scratch = new_scratch();
    const void *data = NULL;
    struct error err;

    put(s, "dir/c/1", crc, sizeof crc);
    ck_fails(
        array_read_chunk(a, 1, ARRAY_MISSING_FILL, scratch, &data, NULL, &err),
        &err, ERR_CHUNK, "array dir: chunk c/1 does not have the checksum");
    ck_assert_str_eq(err.expected, "crc32c 00000009");
    ck_assert_str_eq(err.actual, "crc32c 46891f81");
    ck_assert(err.hint[0]);
    put(s, "dir/c/1", crc, 3);
    ck_fails(
        array_read_chunk(a, 1, ARRAY_MISSING_FILL, scratch, &data, NULL, &err),
        &err, ERR_CHUNK, "too short");
    put(s, "dir/c/1", "\0\0\0\0", 4);
    ck_fails(
        array_read_chunk(a, 1, ARRAY_MISSING_FILL, scratch, &data, NULL, &err),
        &err, ERR_CHUNK, "decodes to 0 bytes");
    scratch_free(scratch);
    array_free(a);
    store_free(s);
}
END_TEST

static const struct {
    const char *json;
    enum dtype dtype;
    const char *bytes; /* NULL: refused */
} fill_values[] = {
    { "1.5", DTYPE_F32, "\0\0\xc0\x3f" },
    { "1", DTYPE_F32, "\0\0\x80\x3f" },
    { "\"NaN\"", DTYPE_BF16, "\xc0\x7f" },
    { "\"0x7fc00001\"", DTYPE_F32, "\1\0\xc0\x7f" },
    { "\"0x7FC00001\"", DTYPE_F32, "\1\0\xc0\x7f" },
    { "\"0x41\"", DTYPE_F8_E4M3FN, "\x41" },
    { "\"0x7fc000\"", DTYPE_F32, NULL },
    { "\"0x7fc0000g\"", DTYPE_F32, NULL },
    { "\"7fc0000000\"", DTYPE_F32, NULL },
    { "\"AADAPw==\"", DTYPE_F32, NULL },
    { "\"1.5\"", DTYPE_F32, NULL },
    { "true", DTYPE_F32, NULL },
    { "[1.5]", DTYPE_F32, NULL },
    { "null", DTYPE_F32, NULL },
    { "1.0", DTYPE_I16, "\1\0" },
    { "1.5", DTYPE_I16, NULL },
    { "\"0x0001\"", DTYPE_I16, NULL },
    { "\"NaN\"", DTYPE_I16, NULL },
    { "true", DTYPE_BOOL, "\1" },
    { "1", DTYPE_BOOL, NULL },
    { "[1.5,\"0x80000000\"]", DTYPE_C64, "\0\0\xc0\x3f\0\0\0\x80" },
    { "[1.5,0,0]", DTYPE_C64, NULL },
    { "1.5", DTYPE_C64, NULL },
};

START_TEST(test_fill_values)
{
    unsigned char value[FILL_MAX_BYTES];
    json_t *json;
    bool ok;

    for (size_t i = 0; i < sizeof fill_values / sizeof *fill_values; i++) {
        json = json_loads(fill_values[i].json, JSON_DECODE_ANY, NULL);
        ck_assert_ptr_nonnull(json);
        ok = fill_parse_zarr3(json, fill_values[i].dtype, value);
        ck_assert_msg(ok == (fill_values[i].bytes != NULL), "%s",
                      fill_values[i].json);
        if (ok)
            ck_assert_msg(!memcmp(value, fill_values[i].bytes,
                                  dtype_info(fill_values[i].dtype)->size),
                          "%s", fill_values[i].json);
        json_decref(json);
    }
}
END_TEST

/*
 * Reads all chunks of the array in folder: each is what was promised, or
 * refused for its bytes.
 */
static void read_all(struct store *s, const char *folder)
{
    struct scratch *scratch = NULL;
    struct array *a = NULL;
    const void *data = NULL;
    struct error err;
    int rc = zarr_open(s, folder, "a", &a, &err);

    if (rc) {
        ck_assert_int_eq(rc, (int)err.code);
        ck_assert_ptr_null(a);
        return;
    }
    ck_ok(array_check(a, &err), &err);
    scratch = new_scratch();
    if (array_chunk_bytes(a) < 1 << 20)
        for (uint64_t i = 0; i < array_chunks(a) && i < 64; i++) {
            rc = array_read_chunk(a, i, ARRAY_MISSING_FILL, scratch, &data,
                                  NULL, &err);
            ck_assert_msg(!rc || rc == ERR_CHUNK || rc == ERR_PATH, "%s",
                          err.text);
        }
    scratch_free(scratch);
    array_free(a);
}

/* Every byte of a nested array's files lost, every bit of them turned. */
START_TEST(test_changed_files)
{
    static const char *const files[] = { "shard-end-nested/zarr.json",
                                         "shard-end-nested/c/0/0",
                                         "shard-start-nested/c/0/1" };
    const struct record *whole;
    struct records records;
    unsigned char *copy;
    struct store *s;

    records_load(&records, "zarr3");
    s = records_store(&records, "");
    for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
        char folder[32];

        snprintf(folder, sizeof folder, "%.*s", (int)strcspn(files[f], "/"),
                 files[f]);
        whole = records_find(&records, files[f]);
        copy = malloc(whole->len);
        ck_assert_ptr_nonnull(copy);
        for (size_t len = 0; len < whole->len; len++) {
            put(s, files[f], whole->data, len);
            read_all(s, folder);
        }
        for (size_t i = 0; i < whole->len * 8; i++) {
            memcpy(copy, whole->data, whole->len);
            copy[i / 8] ^= (unsigned char)(1U << i % 8);
            put(s, files[f], copy, whole->len);
            read_all(s, folder);
        }
        put(s, files[f], whole->data, whole->len);
        free(copy);
    }
    store_free(s);
    records_done(&records);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_fixtures,    test_grid_of_shards, test_absent,
        test_metadata,    test_nesting,        test_damaged_chunk,
        test_fill_values, test_changed_files,
    };

    return unit_run("zarr3", tests, sizeof tests / sizeof *tests);
}
