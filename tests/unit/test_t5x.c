/*
 * checkpoint/t5x.c and what it is made of (tree, leaf, spec, chunked, packed,
 * inline): indexes that flax wrote, every form of a tensorstore spec, and
 * indexes that lie.
 */
#include "unit.h"

#include <stdio.h>

#include "records.h"

/* The fixture's folders, each a checkpoint. */
static const char *const cases[] = { "specs",    "inline",    "old-msgpack",
                                     "chunked",  "ext-forms", "version2",
                                     "version0", "any-order" };

static struct checkpoint *open_case(const struct records *r, const char *name)
{
    struct checkpoint *c = NULL;
    struct error err;

    ck_ok(checkpoint_open_steal(records_store(r, name), "", &c, &err), &err);
    return c;
}

START_TEST(test_fixtures)
{
    const char *name = cases[_i];
    struct records records;
    struct checkpoint *c;
    const struct array *a;
    char array[200];
    size_t len = strlen(name);
    size_t seen = 0;

    records_load(&records, "t5x");
    c = open_case(&records, name);
    for (size_t i = 0; i < records.count; i++) {
        const struct record *r = &records.items[i];
        const char *rest = r->name + 7;

        if (strncmp(r->name, "expect/", 7) != 0 || strncmp(rest, name, len) ||
            rest[len] != '/')
            continue;
        rest += len + 1;
        snprintf(array, sizeof array, "%.*s", (int)strcspn(rest, "|"), rest);
        a = checkpoint_find(c, array);
        ck_assert_msg(a != NULL, "%s: no array %s", name, array);
        records_compare(r, a);
        seen++;
    }
    ck_assert_uint_gt(seen, 0);
    ck_assert_uint_eq(seen, c->count);
    ck_assert_str_eq(c->format, strcmp(name, "version0") != 0 ? "t5x" : "flax");
    checkpoint_free(c);
    records_done(&records);
}
END_TEST

START_TEST(test_facts)
{
    struct records records;
    struct checkpoint *c;

    records_load(&records, "t5x");
    c = open_case(&records, "version2");
    ck_assert_uint_eq(c->version, 2);
    checkpoint_free(c);
    c = open_case(&records, "specs");
    ck_assert_uint_eq(c->version, 3);
    ck_assert_int_eq(c->step, 1000);
    for (size_t i = 1; i < c->count; i++)
        ck_assert_int_lt(strcmp(c->arrays[i - 1]->name, c->arrays[i]->name), 0);
    ck_assert_ptr_null(checkpoint_find(c, "layer/file"));
    ck_assert_ptr_null(checkpoint_find(c, "zzz"));
    checkpoint_free(c);
    records_done(&records);
}
END_TEST

/* Opens a checkpoint whose index is the msgpack of json. */
static int open_json(const char *json, struct checkpoint **out,
                     struct error *err)
{
    struct buf b = BUF_INIT(1 << 20);
    struct store *s = NULL;

    records_pack(&b, json);
    ck_ok(store_memory_new(&s, err), err);
    ck_ok(store_memory_put(s, "checkpoint", b.data, b.len, err), err);
    buf_done(&b);
    return checkpoint_open_steal(s, "", out, err);
}

#define TARGET(text)                                                           \
    "{\"version\":3,\"optimizer\":{\"target\":{\"a\":" text "}}}"
#define SPEC(path, rest)                                                       \
    TARGET("{\"driver\":\"zarr\",\"dtype\":\"float32\",\"kvstore\":{"          \
           "\"driver\":\"file\",\"path\":\"" path "\"},\"metadata\":{"         \
           "\"chunks\":[2],\"compressor\":null,\"shape\":[2]}" rest "}")

START_TEST(test_refusals)
{
    static const struct {
        const char *json;
        enum error_code code;
        const char *word;
    } bad[] = {
        { SPEC("../target.a", ""), ERR_PATH, "leads out" },
        { SPEC("/etc/passwd", ""), ERR_PATH, "leads out" },
        { SPEC("a/../../b", ""), ERR_PATH, "leads out" },
        { SPEC("", ""), ERR_PATH, "a" },
        { SPEC("target.a", ",\"transform\":{\"input_inclusive_min\":[1],"
                           "\"input_exclusive_max\":[2]}"),
          ERR_METADATA, "transform" },
        { TARGET("{\"driver\":\"n5\",\"kvstore\":{\"driver\":\"file\","
                 "\"path\":\"a\"},\"metadata\":{}}"),
          ERR_FORMAT, "driver" },
        { TARGET("{\"driver\":\"zarr\",\"kvstore\":5,\"metadata\":{}}"),
          ERR_METADATA, "spec" },
        { "{\"version\":1,\"optimizer\":{\"target\":{}}}", ERR_FORMAT,
          "version" },
        { "{\"version\":4,\"optimizer\":{\"target\":{}}}", ERR_FORMAT,
          "version" },
        { "{\"version\":3,\"optimizer\":5}", ERR_INDEX, "checkpoint" },
        { "{\"version\":3}", ERR_INDEX, "optimizer/target" },
        { "{\"model\":{}}", ERR_INDEX, "checkpoint" },
        { TARGET("\"PLACEHOLDER://a\""), ERR_METADATA, "array a" },
        { TARGET("\"PLACEHOLDER://../a\""), ERR_PATH, "../a" },
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct checkpoint *c = NULL;
        struct error err;
        int rc = open_json(bad[i].json, &c, &err);

        ck_assert_msg(rc == (int)bad[i].code, "case %zu: %d (%s)", i, rc,
                      rc ? err.text : "it succeeded");
        ck_assert_msg(strstr(err.text, bad[i].word) != NULL, "case %zu: %s", i,
                      err.text);
        ck_assert_ptr_null(c);
    }
}
END_TEST

/* Without .zarray the spec tells the layout; the path's '/' may be missing. */
START_TEST(test_spec_alone)
{
    static const float values[2] = { 1, 2 };
    struct buf b = BUF_INIT(1 << 16);
    struct checkpoint *c = NULL;
    struct scratch *scratch = NULL;
    struct store *s = NULL;
    const void *data = NULL;
    struct error err;

    records_pack(&b, SPEC("target.a/", ""));
    ck_ok(store_memory_new(&s, &err), &err);
    ck_ok(store_memory_put(s, "checkpoint", b.data, b.len, &err), &err);
    ck_ok(store_memory_put(s, "target.a/0", values, sizeof values, &err), &err);
    ck_ok(checkpoint_open_steal(s, "", &c, &err), &err);
    ck_assert_uint_eq(c->count, 1);
    ck_ok(scratch_new(&scratch, &err), &err);
    ck_ok(array_read_chunk(c->arrays[0], 0, ARRAY_MISSING_ERROR, scratch, &data,
                           NULL, &err),
          &err);
    ck_assert_mem_eq(data, values, sizeof values);
    scratch_free(scratch);
    checkpoint_free(c);
    buf_done(&b);
}
END_TEST

/* Empty nodes and nil are no data, not errors. */
START_TEST(test_empty_nodes)
{
    struct checkpoint *c = NULL;
    struct error err;

    ck_ok(open_json("{\"version\":3,\"optimizer\":{\"state\":{\"x\":{}},"
                    "\"target\":{\"a\":{},\"b\":null}}}",
                    &c, &err),
          &err);
    ck_assert_uint_eq(c->count, 0);
    checkpoint_free(c);
}
END_TEST

/*
 * An index cut anywhere is an error; one with a changed byte is an error or
 * still a checkpoint. The index comes last in the fixture, so all arrays of
 * the target have to be there for it to succeed.
 */
static void open_damaged(const struct records *r, const char *name,
                         const void *index, size_t len, bool must_fail)
{
    struct store *s = records_store(r, name);
    struct checkpoint *c = NULL;
    struct error err = { .code = ERR_OK };
    int rc;

    ck_ok(store_memory_put(s, "checkpoint", index, len, &err), &err);
    rc = checkpoint_open_steal(s, "", &c, &err);
    ck_assert_msg(rc || !must_fail, "%zu bytes of %s pass", len, name);
    if (rc)
        ck_assert_int_eq(rc, (int)err.code);
    checkpoint_free(c);
}

START_TEST(test_damage)
{
    static const char *const small[] = { "specs/checkpoint",
                                         "ext-forms/checkpoint",
                                         "any-order/checkpoint" };
    const struct record *whole;
    struct records records;
    unsigned char *copy;
    char folder[40];

    records_load(&records, "t5x");
    whole = records_find(&records, small[_i]);
    snprintf(folder, sizeof folder, "%.*s", (int)strcspn(small[_i], "/"),
             small[_i]);
    copy = malloc(whole->len);
    ck_assert_ptr_nonnull(copy);
    for (size_t len = 0; len < whole->len; len++)
        open_damaged(&records, folder, whole->data, len, true);
    for (size_t i = 0; i < whole->len; i++) {
        memcpy(copy, whole->data, whole->len);
        copy[i] ^= (unsigned char)(1U << i % 8);
        open_damaged(&records, folder, copy, whole->len, false);
        copy[i] = 0xff;
        open_damaged(&records, folder, copy, whole->len, false);
    }
    free(copy);
    records_done(&records);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("t5x");
    TCase *tc = tcase_create("t5x");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tc, test_fixtures, 0, sizeof cases / sizeof *cases);
    tcase_add_test(tc, test_facts);
    tcase_add_test(tc, test_refusals);
    tcase_add_test(tc, test_spec_alone);
    tcase_add_test(tc, test_empty_nodes);
    tcase_add_loop_test(tc, test_damage, 0, 3);
    tcase_set_timeout(tc, 120);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
