/*
 * checkpoint/zarr2.c, zarr2_meta.c, fill.c and array.c: arrays that tensorstore
 * wrote, what .zarray may say, absent chunks, and damage.
 */
#include "unit.h"

#include <stdio.h>

#include "base/json.h"
#include "checkpoint/zarr2.h"
#include "records.h"

static const char good_meta[] =
    "{\"zarr_format\":2,\"shape\":[4],\"chunks\":[2],\"dtype\":\"<f4\","
    "\"compressor\":null,\"fill_value\":null,\"order\":\"C\",\"filters\":null}";

static struct store *new_store(const char *meta)
{
    struct store *s = NULL;
    struct error err;

    ck_ok(store_memory_new(&s, &err), &err);
    if (meta)
        ck_ok(store_memory_put(s, "dir/.zarray", meta, strlen(meta), &err),
              &err);
    return s;
}

static struct array *open_array(struct store *s, const char *folder)
{
    struct array *a = NULL;
    struct error err;
    bool absent = true;

    ck_ok(zarr2_open(s, folder, folder, NULL, &a, &absent, &err), &err);
    ck_assert(!absent);
    return a;
}

START_TEST(test_fixtures)
{
    struct records records;
    struct store *s;
    struct array *a;
    char folder[100];
    size_t seen = 0;

    records_load(&records, "zarr2");
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
    ck_assert_uint_ge(seen, 60);
    store_free(s);
    records_done(&records);
}
END_TEST

START_TEST(test_codec_names)
{
    struct records records;
    struct store *s;
    struct array *a;

    records_load(&records, "zarr2");
    s = records_store(&records, "");
    a = open_array(s, "codec-blosc");
    ck_assert_str_eq(a->codec, "blosc");
    ck_assert(!a->fill_is_number);
    ck_assert_uint_eq(array_chunk_bytes(a), 11 * 13 * 4);
    ck_assert_uint_eq(array_bytes(a), 20 * 30 * 4);
    ck_assert_uint_eq(array_grid(a, 0), 2);
    ck_assert_uint_eq(array_grid(a, 1), 3);
    ck_assert_uint_eq(array_chunks(a), 6);
    array_free(a);
    a = open_array(s, "empty");
    ck_assert_str_eq(a->codec, "raw");
    ck_assert_uint_eq(array_chunks(a), 0);
    ck_assert_uint_eq(array_bytes(a), 0);
    array_free(a);
    store_free(s);
    records_done(&records);
}
END_TEST

START_TEST(test_absent_chunk)
{
    static const char chunk[] = "abcdefgh";
    struct store *s = new_store(good_meta);
    struct array *a = open_array(s, "dir");
    struct scratch *scratch = NULL;
    const void *data = NULL;
    struct error err;
    bool missing = true;

    ck_ok(store_memory_put(s, "dir/0", chunk, 8, &err), &err);
    ck_ok(scratch_new(&scratch, &err), &err);
    ck_ok(array_read_chunk(a, 0, ARRAY_MISSING_ERROR, scratch, &data, &missing,
                           &err),
          &err);
    ck_assert(!missing);
    ck_assert_mem_eq(data, chunk, 8);
    ck_fails(array_read_chunk(a, 1, ARRAY_MISSING_ERROR, scratch, &data,
                              &missing, &err),
             &err, ERR_CHUNK_MISSING, "dir/1");
    ck_assert_str_eq(err.subject, "dir");
    ck_assert_str_eq(err.expected, "dir/1");
    ck_assert_ptr_nonnull(strstr(err.hint, "--allow-missing-chunks"));
    ck_ok(array_read_chunk(a, 1, ARRAY_MISSING_FILL, scratch, &data, &missing,
                           &err),
          &err);
    ck_assert(missing);
    ck_assert_mem_eq(data, "\0\0\0\0\0\0\0\0", 8);
    ck_fails(array_read_chunk(a, 2, ARRAY_MISSING_FILL, scratch, &data,
                              &missing, &err),
             &err, ERR_INTERNAL, "no chunk 2");
    scratch_free(scratch);
    array_free(a);
    store_free(s);
}
END_TEST

/* Where the fill value is a number, writers leave such chunks out. */
START_TEST(test_absent_number)
{
    struct store *s = new_store(
        "{\"zarr_format\":2,\"shape\":[4],\"chunks\":[2],\"dtype\":\"<i2\","
        "\"compressor\":{\"id\":\"gzip\"},\"fill_value\":258}");
    struct array *a = open_array(s, "dir");
    struct scratch *scratch = NULL;
    const void *data = NULL;
    struct error err;
    bool missing = true;

    ck_assert(a->fill_is_number);
    ck_ok(scratch_new(&scratch, &err), &err);
    ck_ok(array_read_chunk(a, 1, ARRAY_MISSING_ERROR, scratch, &data, &missing,
                           &err),
          &err);
    ck_assert(!missing);
    ck_assert_mem_eq(data, "\2\1\2\1", 4);
    scratch_free(scratch);
    array_free(a);
    store_free(s);
}
END_TEST

START_TEST(test_damaged_chunk)
{
    struct store *s = new_store(good_meta);
    struct array *a = open_array(s, "dir");
    struct scratch *scratch = NULL;
    const void *data = NULL;
    struct error err;

    ck_ok(scratch_new(&scratch, &err), &err);
    ck_ok(store_memory_put(s, "dir/1", "abcdefg", 7, &err), &err);
    ck_fails(
        array_read_chunk(a, 1, ARRAY_MISSING_FILL, scratch, &data, NULL, &err),
        &err, ERR_CHUNK, "array dir: chunk 1 decodes to 7 bytes");
    ck_assert_str_eq(err.subject, "dir");
    ck_assert_str_eq(err.expected, "8 bytes");
    ck_assert_str_eq(err.actual, "7 bytes");
    ck_assert(err.hint[0]);
    ck_ok(store_memory_put(s, "dir/1", "", 0, &err), &err);
    ck_fails(
        array_read_chunk(a, 1, ARRAY_MISSING_FILL, scratch, &data, NULL, &err),
        &err, ERR_CHUNK, "decodes to 0 bytes");
    scratch_free(scratch);
    array_free(a);
    store_free(s);
}
END_TEST

/* A chunk file of megabytes for 8 bytes is not even read. */
START_TEST(test_huge_chunk_file)
{
    size_t len = (1U << 20) + 100;
    char *bytes = calloc(1, len);
    struct store *s = new_store(good_meta);
    struct array *a = open_array(s, "dir");
    struct scratch *scratch = NULL;
    const void *data = NULL;
    struct error err;

    ck_assert_ptr_nonnull(bytes);
    ck_ok(scratch_new(&scratch, &err), &err);
    ck_ok(store_memory_put(s, "dir/0", bytes, len, &err), &err);
    ck_fails(
        array_read_chunk(a, 0, ARRAY_MISSING_FILL, scratch, &data, NULL, &err),
        &err, ERR_CHUNK, "chunk 0 is far larger");
    scratch_free(scratch);
    array_free(a);
    store_free(s);
    free(bytes);
}
END_TEST

/* What stands in place of one member of good_meta, or behind it. */
static const struct {
    const char *member;
    const char *value;
    enum error_code code;
    const char *word;
} bad_metadata[] = {
    { "zarr_format", "3", ERR_METADATA, "zarr_format" },
    { "zarr_format", "\"2\"", ERR_METADATA, "zarr_format" },
    { "shape", "[-4]", ERR_METADATA, "shape" },
    { "shape", "[4.0]", ERR_METADATA, "shape" },
    { "shape", "4", ERR_METADATA, "shape" },
    { "shape", "[4,4]", ERR_METADATA, "rank" },
    { "shape", "[9223372036854775807]", ERR_LIMIT, "too large" },
    { "chunks", "[0]", ERR_METADATA, "empty" },
    { "chunks", "[]", ERR_METADATA, "rank" },
    { "chunks", "null", ERR_METADATA, "chunks" },
    { "chunks", "[4294967297]", ERR_LIMIT, "chunks are too large" },
    { "chunks", "[9223372036854775807]", ERR_LIMIT, "too large" },
    { "dtype", "\"<f5\"", ERR_DTYPE, "not numeric" },
    { "dtype", "\"<U8\"", ERR_DTYPE, "not numeric" },
    { "dtype", "\"<M8[ns]\"", ERR_DTYPE, "not numeric" },
    { "dtype", "[[\"x\",\"<f4\"]]", ERR_DTYPE, "structured" },
    { "dtype", "4", ERR_METADATA, "dtype" },
    { "compressor", "{\"id\":\"lzma\"}", ERR_FORMAT, "compressor" },
    { "compressor", "{\"id\":\"raw\"}", ERR_FORMAT, "compressor" },
    { "compressor", "{}", ERR_METADATA, "id" },
    { "compressor", "\"gzip\"", ERR_METADATA, "id" },
    { "filters", "[{\"id\":\"delta\"}]", ERR_FORMAT, "filters" },
    { "filters", "{}", ERR_FORMAT, "filters" },
    { "order", "\"A\"", ERR_METADATA, "order" },
    { "order", "\"CF\"", ERR_METADATA, "order" },
    { "order", "null", ERR_METADATA, "order" },
    { "dimension_separator", "\"-\"", ERR_METADATA, "separator" },
    { "fill_value", "\"x\"", ERR_METADATA, "fill_value" },
    { "fill_value", "{}", ERR_METADATA, "fill_value" },
};

START_TEST(test_bad_metadata)
{
    json_t *meta = NULL;
    struct error err;
    struct zarr2_meta out;

    for (size_t i = 0; i < sizeof bad_metadata / sizeof *bad_metadata; i++) {
        struct store *s;
        struct array *a = NULL;
        bool absent;
        char *text;

        ck_ok(json_read(good_meta, strlen(good_meta), "test", ERR_USAGE, &meta,
                        &err),
              &err);
        json_object_set_new(
            meta, bad_metadata[i].member,
            json_loads(bad_metadata[i].value, JSON_DECODE_ANY, NULL));
        text = json_dumps(meta, 0);
        s = new_store(text);
        ck_fails(zarr2_open(s, "dir", "a/b", NULL, &a, &absent, &err), &err,
                 bad_metadata[i].code, bad_metadata[i].word);
        ck_assert_str_eq(err.subject, "a/b");
        store_free(s);
        free(text);
        json_decref(meta);
    }
    meta = json_pack("{s:i}", "zarr_format", 2);
    ck_fails(zarr2_parse(meta, "a/b", false, DTYPE_NONE, &out, &err), &err,
             ERR_METADATA, "shape");
    json_decref(meta);
}
END_TEST

START_TEST(test_broken_json)
{
    struct store *s = new_store("{\"zarr_format\":2,");
    struct array *a = NULL;
    struct error err;
    bool absent = true;

    ck_fails(zarr2_open(s, "dir", "a", NULL, &a, &absent, &err), &err,
             ERR_METADATA, "dir/.zarray");
    ck_assert(!absent);
    ck_fails(zarr2_open(s, "none", "a", NULL, &a, &absent, &err), &err,
             ERR_METADATA, "no .zarray");
    ck_assert(absent);
    store_free(s);
}
END_TEST

static void parse_claim(const char *text, enum dtype dtype,
                        struct zarr2_meta *out)
{
    json_t *json = NULL;
    struct error err;

    ck_ok(json_read(text, strlen(text), "test", ERR_USAGE, &json, &err), &err);
    ck_ok(zarr2_parse(json, "a", true, dtype, out, &err), &err);
    json_decref(json);
}

START_TEST(test_claims)
{
    struct store *s = new_store(good_meta);
    struct zarr2_meta claim;
    struct array *a = NULL;
    struct error err;
    bool absent = true;

    parse_claim("{\"shape\":[4],\"chunks\":[4],\"compressor\":{\"id\":"
                "\"gzip\"}}",
                DTYPE_F32, &claim);
    ck_ok(zarr2_open(s, "dir", "a", &claim, &a, &absent, &err), &err);
    ck_assert_msg(a->chunk[0] == 2, ".zarray decides on chunks");
    ck_assert_str_eq(a->codec, "raw");
    array_free(a);
    ck_ok(zarr2_open(s, "lost", "a", &claim, &a, &absent, &err), &err);
    ck_assert(absent);
    ck_assert_uint_eq(a->chunk[0], 4);
    ck_assert_str_eq(a->codec, "gzip");
    array_free(a);
    claim.dtype = DTYPE_BF16;
    ck_fails(zarr2_open(s, "dir", "a", &claim, &a, &absent, &err), &err,
             ERR_METADATA, "dtype");
    ck_assert_str_eq(err.expected, "bfloat16");
    ck_assert_str_eq(err.actual, "float32");
    parse_claim("{\"shape\":[2,2]}", DTYPE_NONE, &claim);
    ck_fails(zarr2_open(s, "dir", "a", &claim, &a, &absent, &err), &err,
             ERR_METADATA, "shape");
    ck_assert_str_eq(err.expected, "[2, 2]");
    ck_assert_str_eq(err.actual, "[4]");
    ck_fails(zarr2_open(s, "lost", "a", &claim, &a, &absent, &err), &err,
             ERR_DTYPE, "not known");
    store_free(s);
}
END_TEST

static const struct {
    const char *json;
    enum dtype dtype;
    bool big;
    const char *bytes; /* NULL: refused */
} fill_values[] = {
    { "\"1.5\"", DTYPE_F32, false, "\0\0\xc0\x3f" },
    { "\"-0.5e0\"", DTYPE_F16, false, "\0\xb8" },
    { "\"NaN\"", DTYPE_BF16, false, "\xc0\x7f" },
    { "0", DTYPE_F16, false, "\0\0" },
    { "-0.0", DTYPE_F16, false, "\0\x80" },
    { "0.0", DTYPE_BF16, false, "\0\0" },
    { "0", DTYPE_F8_E4M3FN, false, "\0" },
    { "-0.0", DTYPE_F8_E5M2, false, "\x80" },
    { "65519", DTYPE_F16, false, "\xff\x7b" },
    { "65520", DTYPE_F16, false, "\0\x7c" },
    { "1e-8", DTYPE_F16, false, "\0\0" },
    { "-1e300", DTYPE_BF16, false, "\x80\xff" },
    { "448", DTYPE_F8_E4M3FN, false, "\x7e" },
    { "1000", DTYPE_F8_E4M3FN, false, "\x7f" },
    { "57344", DTYPE_F8_E5M2, false, "\x7b" },
    { "\"AADAPw==\"", DTYPE_F32, false, "\0\0\xc0\x3f" },
    { "\"P8AAAA==\"", DTYPE_F32, true, "\0\0\xc0\x3f" },
    { "\"AAE=\"", DTYPE_I16, true, "\1\0" },
    { "1.0", DTYPE_I16, false, "\1\0" },
    { "1.5", DTYPE_I16, false, NULL },
    { "1e40", DTYPE_I64, false, NULL },
    { "-1", DTYPE_U8, false, NULL },
    { "256", DTYPE_U8, false, NULL },
    { "-32769", DTYPE_I16, false, NULL },
    { "true", DTYPE_BOOL, false, "\1" },
    { "0", DTYPE_BOOL, false, "\0" },
    { "2", DTYPE_BOOL, false, NULL },
    { "true", DTYPE_F32, false, NULL },
    { "-8", DTYPE_I4, false, "\xf8" },
    { "8", DTYPE_I4, false, NULL },
    { "\"nan\"", DTYPE_F32, false, NULL },
    { "\"0x10\"", DTYPE_F32, false, NULL },
    { "\"1.5.5\"", DTYPE_F64, false, NULL },
    { "\"AADAPw=\"", DTYPE_F32, false, NULL },
    { "\"AADAPx==\"", DTYPE_F64, false, NULL },
    { "\"AAD?Pw==\"", DTYPE_F32, false, NULL },
    { "\"AAAAAAAA\"", DTYPE_F32, false, NULL },
    { "[1,2]", DTYPE_F32, false, NULL },
    { "[1.5,-0.0]", DTYPE_C64, false, "\0\0\xc0\x3f\0\0\0\x80" },
    { "2", DTYPE_C64, false, "\0\0\0\x40\0\0\0\0" },
    { "[1,2,3]", DTYPE_C64, false, NULL },
    { "[1,true]", DTYPE_C64, false, NULL },
    { "[\"NaN\",\"x\"]", DTYPE_C64, false, NULL },
    { "{}", DTYPE_F32, false, NULL },
};

START_TEST(test_fill_values)
{
    unsigned char value[FILL_MAX_BYTES];
    json_t *json;
    bool ok;

    for (size_t i = 0; i < sizeof fill_values / sizeof *fill_values; i++) {
        json = json_loads(fill_values[i].json, JSON_DECODE_ANY, NULL);
        ck_assert_ptr_nonnull(json);
        ok = fill_parse(json, fill_values[i].dtype, fill_values[i].big, value);
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
 * Opens the fixture's array with other metadata: it is refused, or what it says
 * then is sound, and its first chunk is read or refused.
 */
static int open_changed(struct store *s, const void *meta, size_t len)
{
    struct scratch *scratch = NULL;
    struct array *a = NULL;
    const void *data = NULL;
    struct error err;
    bool absent;
    int rc;

    ck_ok(store_memory_put(s, "dtype-be-f4/.zarray", meta, len, &err), &err);
    rc = zarr2_open(s, "dtype-be-f4", "a", NULL, &a, &absent, &err);
    if (rc) {
        ck_assert_int_eq(rc, (int)err.code);
        ck_assert_ptr_null(a);
        return rc;
    }
    ck_ok(array_check(a, &err), &err);
    ck_ok(scratch_new(&scratch, &err), &err);
    if (array_chunks(a) > 0 && array_chunk_bytes(a) < 1 << 20 &&
        array_read_chunk(a, 0, ARRAY_MISSING_FILL, scratch, &data, NULL,
                         &err) != 0)
        ck_assert_int_eq(err.code, ERR_CHUNK);
    scratch_free(scratch);
    array_free(a);
    return 0;
}

START_TEST(test_changed_metadata)
{
    const struct record *whole;
    struct records records;
    unsigned char *copy;
    struct store *s;

    records_load(&records, "zarr2");
    s = records_store(&records, "");
    whole = records_find(&records, "dtype-be-f4/.zarray");
    copy = malloc(whole->len);
    ck_assert_ptr_nonnull(copy);
    for (size_t len = 0; len < whole->len; len++)
        ck_assert_int_eq(open_changed(s, whole->data, len), ERR_METADATA);
    for (size_t i = 0; i < whole->len * 8; i++) {
        memcpy(copy, whole->data, whole->len);
        copy[i / 8] ^= (unsigned char)(1U << i % 8);
        open_changed(s, copy, whole->len);
    }
    ck_assert_int_eq(open_changed(s, whole->data, whole->len), 0);
    free(copy);
    store_free(s);
    records_done(&records);
}
END_TEST

START_TEST(test_fill_elements)
{
    unsigned char out[3 * 7 + 1] = { 0 };

    fill_elements(out, 7, DTYPE_U8, (const unsigned char *)"x");
    ck_assert_str_eq((char *)out, "xxxxxxx");
    fill_elements(out, 5, DTYPE_F32, (const unsigned char *)"abcd");
    ck_assert_str_eq((char *)out, "abcdabcdabcdabcdabcd");
    fill_elements(out, 0, DTYPE_F32, (const unsigned char *)"zzzz");
    ck_assert_str_eq((char *)out, "abcdabcdabcdabcdabcd");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_fixtures,      test_codec_names,   test_absent_chunk,
        test_absent_number, test_damaged_chunk, test_huge_chunk_file,
        test_bad_metadata,  test_broken_json,   test_claims,
        test_fill_values,   test_fill_elements, test_changed_metadata,
    };

    return unit_run("zarr2", tests, sizeof tests / sizeof *tests);
}
