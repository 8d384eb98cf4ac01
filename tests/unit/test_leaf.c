/*
 * checkpoint/tree.c, leaf.c, packed.c, chunked.c and t5x.c: what no library
 * would write, byte by byte. What they do write is in test_t5x.c.
 */
#include "unit.h"

#include "records.h"

#define VERSION3 "\xa7version\x03"
#define OPTIMIZER "\xa9optimizer"
#define TARGET "\xa6target"
/* One and two float32 as flax packs them. */
#define ONE                                                                    \
    "\xc7\x11\x01\x93\x91\x01\xa7"                                             \
    "float32\xc4\x04\0\0\x80\x3f"
#define TWO                                                                    \
    "\xc7\x15\x01\x93\x91\x02\xa7"                                             \
    "float32\xc4\x08\0\0\x80\x3f\0\0\0\x40"
#define HALF                                                                   \
    "\xc7\x0f\x01\x93\x91\x01\xa7"                                             \
    "float16\xc4\x02\0\0"
#define CHUNKED(shape, chunks)                                                 \
    "\x81\xa1"                                                                 \
    "a\x83\xb9__msgpack_chunked_array__\xc3\xa5shape" shape "\xa6"             \
    "chunks" chunks

static int open_index(const void *head, size_t head_len, const void *bytes,
                      size_t len, struct checkpoint **out, struct error *err)
{
    struct buf b = BUF_INIT(1 << 20);
    struct store *s = NULL;

    buf_append(&b, head, head_len);
    buf_append(&b, bytes, len);
    ck_ok(store_memory_new(&s, err), err);
    ck_ok(store_memory_put(s, "checkpoint", b.data, b.len, err), err);
    buf_done(&b);
    return checkpoint_open_steal(s, "", out, err);
}

static int open_target(const void *bytes, size_t len, struct checkpoint **out,
                       struct error *err)
{
    static const char head[] = "\x82" VERSION3 OPTIMIZER "\x81" TARGET;

    return open_index(head, sizeof head - 1, bytes, len, out, err);
}

#define BYTES(text) text, sizeof(text) - 1

static const struct bad_case {
    const char *bytes;
    size_t len;
    enum error_code code;
    const char *word;
} bad_targets[] = {
    { BYTES("\x05"), ERR_INDEX, "not a map" },
    /* twice: two leaves, a map and a leaf, a key with a slash in it */
    { BYTES("\x82\xa1"
            "a\x01\xa1"
            "a\x02"),
      ERR_INDEX, "a twice" },
    { BYTES("\x82\xa1"
            "a\x81\xa1"
            "b\x01\xa1"
            "a\x02"),
      ERR_INDEX, "a twice" },
    { BYTES("\x82\xa3"
            "a/b\x01\xa1"
            "a\x81\xa1"
            "b\x02"),
      ERR_INDEX, "a/b twice" },
    { BYTES("\x82\xa1"
            "a\x80\xa1"
            "a\xc0"),
      ERR_INDEX, "a twice" },
    { BYTES("\x81\x01\x01"), ERR_INDEX, "key" },
    { BYTES("\x81\xa3"
            "a\0b\x01"),
      ERR_INDEX, "key" },
    { BYTES("\x81\xa1"
            "a\xa3xyz"),
      ERR_INDEX, "is a text" },
    { BYTES("\x81\xa1"
            "a\xb2//GDAPlaceholder:x"),
      ERR_METADATA, "checkpoint_gda/x" },
    { BYTES("\x81\xa1"
            "a\xd4\x09x"),
      ERR_INDEX, "flax does not write" },
    /* packed: no list, two parts, a shape of text, bytes behind the end */
    { BYTES("\x81\xa1"
            "a\xd4\x01\x05"),
      ERR_INDEX, "packed" },
    { BYTES("\x81\xa1"
            "a\xd6\x01\x92\x90\xa0\xc0"),
      ERR_INDEX, "packed" },
    { BYTES("\x81\xa1"
            "a\xd6\x01\x93\xa1x\xa0"),
      ERR_INDEX, "shape" },
    { BYTES("\x81\xa1"
            "a\xd6\x01\x93\x91\xff\xa0"),
      ERR_INDEX, "shape" },
    { BYTES("\x81\xa1"
            "a\xc7\x11\x01\x93\x90\xa7"
            "float32\xc4\x04xxxxx"),
      ERR_INDEX, "packed" },
    { BYTES("\x81\xa1"
            "a\xc7\x0d\x01\x93\x90\xa4str8\xc4\x04xxxx"),
      ERR_DTYPE, "not known" },
    { BYTES("\x81\xa1"
            "a\xc7\x11\x01\x93\x91\x02\xa7"
            "float32\xc4\x04xxxx"),
      ERR_INDEX, "do not fill" },
    /* 33 dimensions */
    { BYTES("\x81\xa1"
            "a\xc7\x25\x01\x93\xdc\0\x21\1\1\1\1\1\1\1\1\1\1\1"
            "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1"),
      ERR_INDEX, "shape" },
    /* complex: one part only */
    { BYTES("\x81\xa1"
            "a\xc7\x0a\x02\x91\xcb\0\0\0\0\0\0\0\0"),
      ERR_INDEX, "complex" },
    /* chunked: a gap, two of a number, dtypes that differ, too few bytes */
    { BYTES(CHUNKED("\x81\xa1"
                    "0\x02",
                    "\x82\xa1"
                    "0" ONE "\xa1"
                    "2" ONE)),
      ERR_INDEX, "missing" },
    { BYTES(CHUNKED("\x81\xa1"
                    "0\x02",
                    "\x82\xa1"
                    "0" ONE "\xa1"
                    "0" ONE)),
      ERR_INDEX, "missing" },
    { BYTES(CHUNKED("\x81\xa1"
                    "0\x02",
                    "\x82\xa1"
                    "0" ONE "\xa1"
                    "1" HALF)),
      ERR_INDEX, "differ in dtype" },
    { BYTES(CHUNKED("\x81\xa1"
                    "0\x02",
                    "\x81\xa1"
                    "0" ONE)),
      ERR_INDEX, "do not fill" },
    { BYTES(CHUNKED("\x81\xa1"
                    "0\x02",
                    "\x81\xa1"
                    "0\x05")),
      ERR_INDEX, "not an array" },
    { BYTES(CHUNKED("\x81\xa1"
                    "1\x02",
                    "\x81\xa1"
                    "0" TWO)),
      ERR_INDEX, "shape" },
    { BYTES(CHUNKED("\x82\xa1"
                    "0\x02\xa1"
                    "0\x01",
                    "\x81\xa1"
                    "0" TWO)),
      ERR_INDEX, "shape" },
    { BYTES(CHUNKED("\x81\xa1"
                    "0\x02",
                    "\x81\xa1"
                    "x" TWO)),
      ERR_INDEX, "no number" },
    { BYTES(CHUNKED("\x81\xa1"
                    "0\x02",
                    "\x80")),
      ERR_DTYPE, "not known" },
};

START_TEST(test_bad_targets)
{
    const struct bad_case *bad = &bad_targets[_i];
    struct checkpoint *c = NULL;
    struct error err;

    ck_fails(open_target(bad->bytes, bad->len, &c, &err), &err, bad->code,
             bad->word);
    ck_assert_str_ne(err.subject, "");
    ck_assert_ptr_null(c);
}
END_TEST

static const struct bad_case bad_roots[] = {
    { BYTES("\x82" VERSION3 OPTIMIZER "\x81" TARGET "\x80\x00"), ERR_INDEX,
      "behind its end" },
    { BYTES("\x83" VERSION3 VERSION3 OPTIMIZER "\x81" TARGET "\x80"), ERR_INDEX,
      "version" },
    { BYTES("\x83" VERSION3 OPTIMIZER "\x81" TARGET "\x80" OPTIMIZER "\x80"),
      ERR_INDEX, "optimizer" },
    { BYTES("\x82" VERSION3 OPTIMIZER "\x82" TARGET "\x80" TARGET "\x80"),
      ERR_INDEX, "twice" },
    { BYTES("\x82" VERSION3 OPTIMIZER "\x83" TARGET
            "\x80\xa5state\x80\xa5state\x80"),
      ERR_INDEX, "twice" },
    { BYTES("\x81\x01\x02"), ERR_INDEX, "key" },
    { BYTES("\x82\xa7version\xa1"
            "3" OPTIMIZER "\x81" TARGET "\x80"),
      ERR_INDEX, "version" },
};

START_TEST(test_bad_roots)
{
    const struct bad_case *bad = &bad_roots[_i];
    struct checkpoint *c = NULL;
    struct error err;

    ck_fails(open_index("", 0, bad->bytes, bad->len, &c, &err), &err, bad->code,
             bad->word);
    ck_assert_ptr_null(c);
}
END_TEST

/* A list is a map of its places, and what is said well is read. */
START_TEST(test_good)
{
    static const char bytes[] = CHUNKED("\x81\xa1"
                                        "0\x03",
                                        "\x82\xa1"
                                        "1" ONE "\xa1"
                                        "0" TWO);
    static const unsigned char want[] = "\0\0\x80\x3f\0\0\0\x40\0\0\x80\x3f";
    struct record expect = { .name = (char *)(uintptr_t) "a|float32|3",
                             .data = want,
                             .len = 12 };
    struct checkpoint *c = NULL;
    struct error err;

    ck_ok(open_target(bytes, sizeof bytes - 1, &c, &err), &err);
    ck_assert_uint_eq(c->count, 1);
    ck_assert_str_eq(c->arrays[0]->codec, "inline");
    records_compare(&expect, c->arrays[0]);
    checkpoint_free(c);
    ck_ok(open_target(BYTES("\x81\xa1"
                            "a\x93\x01\xc3\x80"),
                      &c, &err),
          &err);
    ck_assert_uint_eq(c->count, 2);
    ck_assert_int_eq(checkpoint_find(c, "a/0")->dtype, DTYPE_I64);
    ck_assert_int_eq(checkpoint_find(c, "a/1")->dtype, DTYPE_BOOL);
    checkpoint_free(c);
}
END_TEST

static int open_json_target(const char *json, struct error *err)
{
    struct buf b = BUF_INIT(1 << 16);
    struct checkpoint *c = NULL;
    int rc;

    records_pack(&b, json);
    rc = open_target(b.data, b.len, &c, err);
    checkpoint_free(c);
    buf_done(&b);
    return rc;
}

#define SPEC(dtype, path, rest)                                                \
    "{\"a\":{\"driver\":\"zarr\",\"dtype\":\"" dtype "\",\"kvstore\":{"        \
    "\"driver\":\"gcs\",\"bucket\":\"x\",\"path\":\"" path "\"},"              \
    "\"metadata\":{\"shape\":[2,3]," rest "}}"

START_TEST(test_specs)
{
    static const struct {
        const char *json;
        enum error_code code;
        const char *word;
    } cases[] = {
        { SPEC("float32", "t", "\"chunks\":[2,3]}"), ERR_OK, "" },
        { SPEC("uint16", "t", "\"chunks\":[2,3]}"), ERR_DTYPE, "version 2" },
        { SPEC("float33", "t", "\"chunks\":[2,3]}"), ERR_DTYPE, "not known" },
        { SPEC("float32", "t", "\"dtype\":\"<f2\"}"), ERR_METADATA, "two" },
        { SPEC("float32", "t/u", "\"chunks\":[2,3]}"), ERR_PATH, "leads out" },
        { SPEC("float32", "t//", "\"chunks\":[2,3]}"), ERR_PATH, "leads out" },
        { SPEC("float32", "..", "\"chunks\":[2,3]}"), ERR_PATH, "leads out" },
        { SPEC("float32", "./", "\"chunks\":[2,3]}"), ERR_PATH, "leads out" },
        { SPEC("float32", "t", "\"chunks\":[2]}"), ERR_METADATA, "rank" },
        { SPEC("float32", "t",
               "\"x\":0},\"transform\":{\"input_exclusive_max\":[2,[3]],"
               "\"input_inclusive_min\":[[0],0]}"),
          ERR_OK, "" },
        { SPEC("float32", "t",
               "\"x\":0},\"transform\":{\"input_exclusive_max\":[2,4]}"),
          ERR_METADATA, "transform" },
        { SPEC("float32", "t",
               "\"x\":0},\"transform\":{\"output\":[{\"offset\":1}]}"),
          ERR_METADATA, "transform" },
    };
    struct error err;
    int rc;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rc = open_json_target(cases[i].json, &err);
        ck_assert_msg(rc == (int)cases[i].code, "case %zu: %s", i,
                      rc ? err.text : "it succeeded");
        if (rc) {
            ck_assert_msg(strstr(err.text, cases[i].word), "%s", err.text);
            ck_assert_str_eq(err.subject, "a");
        }
    }
}
END_TEST

/* Maps inside maps: the deepest that is read, and one more. */
START_TEST(test_depth)
{
    unsigned char bytes[3 * 1100 + 1];
    struct checkpoint *c = NULL;
    struct error err;

    for (size_t i = 0; i < 1100; i++)
        memcpy(bytes + 3 * i,
               "\x81\xa1"
               "a",
               3);
    bytes[3 * 1000] = 0x05;
    ck_ok(open_target(bytes, 3 * 1000 + 1, &c, &err), &err);
    ck_assert_uint_eq(c->count, 1);
    ck_assert_uint_eq(strlen(c->arrays[0]->name), 2 * 1000 - 1);
    checkpoint_free(c);
    c = NULL;
    bytes[3 * 1000] = 0x81;
    bytes[3 * 1100] = 0x05;
    ck_fails(open_target(bytes, sizeof bytes, &c, &err), &err, ERR_INDEX,
             "nested too deeply");
    ck_assert_ptr_null(c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("leaf");
    TCase *tc = tcase_create("leaf");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tc, test_bad_targets, 0,
                        sizeof bad_targets / sizeof *bad_targets);
    tcase_add_loop_test(tc, test_bad_roots, 0,
                        sizeof bad_roots / sizeof *bad_roots);
    tcase_add_test(tc, test_good);
    tcase_add_test(tc, test_specs);
    tcase_add_test(tc, test_depth);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
