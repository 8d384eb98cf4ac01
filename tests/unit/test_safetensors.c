/*
 * safetensors/: order, header bytes, the sharding rule, the strict reader.
 */
#include "unit.h"

#include <stdio.h>

#include "safetensors/safetensors.h"

START_TEST(test_layout_and_header)
{
    const uint64_t dims[] = { 2, 3 };
    struct safetensors_entry e[] = {
        { "b", DTYPE_F32, 2, dims, 24, 0, 0 },
        { "expert_2", DTYPE_BF16, 1, dims, 4, 0, 0 },
        { "expert_10", DTYPE_BF16, 1, dims, 4, 0, 0 },
        { "z", DTYPE_I64, 0, dims, 8, 0, 0 },
    };
    static const char want[] =
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"z\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[8,32]},"
        "\"expert_10\":{\"dtype\":\"BF16\",\"shape\":[2],"
        "\"data_offsets\":[32,36]},"
        "\"expert_2\":{\"dtype\":\"BF16\",\"shape\":[2],"
        "\"data_offsets\":[36,40]}}";
    struct buf b = BUF_INIT(4096);
    struct safetensors_header h;
    struct error err;
    uint64_t bytes = 0;

    ck_ok(safetensors_layout(e, 4, &bytes, &err), &err);
    ck_assert_uint_eq(bytes, 40);
    ck_ok(safetensors_write_header(e, 4, &b, &err), &err);
    ck_assert_uint_eq(b.len % 8, 0);
    ck_assert_uint_eq(b.data[0] + 256U * b.data[1] + 8, b.len);
    ck_assert_mem_eq(b.data + 8, want, sizeof want - 1);
    for (size_t i = 8 + sizeof want - 1; i < b.len; i++)
        ck_assert_int_eq(b.data[i], ' ');
    ck_ok(safetensors_read_header(b.data, b.len, b.len + 40, "f", &h, &err),
          &err);
    ck_assert_uint_eq(h.count, 4);
    ck_assert_str_eq(h.tensors[1].name, "b");
    ck_assert_uint_eq(h.tensors[1].begin, b.len + 8);
    safetensors_header_done(&h);
    ck_fails(safetensors_read_header(b.data, b.len, b.len + 41, "f", &h, &err),
             &err, ERR_SAFETENSORS, "follow");
    ck_fails(safetensors_read_header(b.data, b.len, b.len + 39, "f", &h, &err),
             &err, ERR_SAFETENSORS, "expert_2");
    buf_done(&b);
}
END_TEST

START_TEST(test_duplicate_names)
{
    struct safetensors_entry e[] = {
        { "a", DTYPE_F32, 0, NULL, 4, 0, 0 },
        { "a", DTYPE_F32, 0, NULL, 4, 0, 0 },
    };
    struct error err;
    uint64_t bytes = 0;

    ck_fails(safetensors_layout(e, 2, &bytes, &err), &err, ERR_TENSORS, "a");
}
END_TEST

START_TEST(test_reader_refuses)
{
    static const struct {
        const char *json;
        const char *word;
    } cases[] = {
        { "[]", "object" },
        { "{\"a\":1}", "dtype" },
        { "{\"a\":{\"dtype\":\"F31\",\"shape\":[],\"data_offsets\":[0,4]}}",
          "dtype" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":4,\"data_offsets\":[0,4]}}",
          "shape" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}",
          "dimension" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}",
          "size" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],"
          "\"data_offsets\":[0,4]}}",
          "overflows" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}",
          "data_offsets" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
          "gap" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
          "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
          "overlap" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
          "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
          "JSON" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char file[400] = { 0 };
        struct safetensors_header h;
        struct error err;
        size_t n = strlen(cases[i].json);

        file[0] = (unsigned char)n;
        memcpy(file + 8, cases[i].json, n);
        ck_fails(safetensors_read_header(file, n + 8, n + 16, "f", &h, &err),
                 &err, ERR_SAFETENSORS, cases[i].word);
    }
}
END_TEST

START_TEST(test_reader_bad_lengths)
{
    unsigned char file[16] = { 9, 0, 0, 0, 0, 0, 0, 0, '{', '}' };
    struct safetensors_header h;
    struct error err;

    for (size_t len = 0; len <= sizeof file; len++)
        ck_fails(safetensors_read_header(file, len, len, "f", &h, &err), &err,
                 ERR_SAFETENSORS, "length");
    file[7] = 0x80;
    ck_fails(safetensors_read_header(file, 16, 16, "f", &h, &err), &err,
             ERR_SAFETENSORS, "length");
}
END_TEST

/* Sizes, maximum and what huggingface_hub makes of them. */
START_TEST(test_shards)
{
    static const struct {
        uint64_t bytes[6];
        size_t n;
        uint64_t max;
        size_t files;
        uint32_t want[6];
    } cases[] = {
        { { 4, 20, 4, 4 }, 4, 10, 3, { 1, 0, 1, 2 } },
        { { 5, 5, 5 }, 3, 10, 2, { 0, 0, 1 } },
        { { 10, 1 }, 2, 10, 2, { 0, 1 } },
        { { 20 }, 1, 10, 1, { 0 } },
        { { 20, 4 }, 2, 10, 2, { 0, 1 } },
        { { 20, 30, 1, 9, 1 }, 5, 10, 4, { 0, 1, 2, 2, 3 } },
        { { 1, 2, 3 }, 3, 100, 1, { 0, 0, 0 } },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t shard[6];

        ck_assert_uint_eq(
            safetensors_shard(cases[i].bytes, cases[i].n, cases[i].max, shard),
            cases[i].files);
        for (size_t j = 0; j < cases[i].n; j++)
            ck_assert_msg(shard[j] == cases[i].want[j], "case %zu, tensor %zu",
                          i, j);
    }
}
END_TEST

START_TEST(test_shard_names)
{
    char name[64];

    safetensors_shard_name(0, 1, name);
    ck_assert_str_eq(name, "model.safetensors");
    safetensors_shard_name(2, 12, name);
    ck_assert_str_eq(name, "model-00003-of-00012.safetensors");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_layout_and_header,  test_duplicate_names, test_reader_refuses,
        test_reader_bad_lengths, test_shards,          test_shard_names,
    };

    return unit_run("safetensors", tests, sizeof tests / sizeof *tests);
}
