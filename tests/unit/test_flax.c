/*
 * checkpoint/flax.c: files that flax.training.checkpoints wrote, and arrays in
 * the folder beside them.
 */
#include "unit.h"

#include <stdio.h>

#include "records.h"

/* The fixture's folders, and the step of the latest file in each. */
static const struct {
    const char *name;
    int64_t step;
} cases[] = {
    { "train-state", 12 },        { "bare", 3 },         { "variables", 4 },
    { "state-of-variables", 12 }, { "optimizer", 1006 }, { "hosts", 12 },
};

static int open_case(const struct records *r, const char *name,
                     struct checkpoint **out, struct error *err)
{
    return checkpoint_open_steal(records_store(r, name), "", out, err);
}

START_TEST(test_fixtures)
{
    const char *name = cases[_i].name;
    size_t len = strlen(name);
    struct records records;
    struct checkpoint *c = NULL;
    const struct array *a;
    struct error err;
    char array[200];
    size_t seen = 0;

    records_load(&records, "flax");
    ck_ok(open_case(&records, name, &c, &err), &err);
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
    ck_assert_uint_eq(seen, 3);
    ck_assert_uint_eq(c->count, 3);
    ck_assert_str_eq(c->format, "flax");
    ck_assert_uint_eq(c->version, 0);
    ck_assert_int_eq(c->step, cases[_i].step);
    ck_assert_uint_eq(c->warning_count, 0);
    checkpoint_free(c);
    records_done(&records);
}
END_TEST

/* The folder beside the file is not there, as after copying the file alone. */
START_TEST(test_lost_folder)
{
    const struct record *index;
    struct checkpoint *c = NULL;
    struct records records;
    struct store *s = NULL;
    struct error err;

    records_load(&records, "flax");
    index = records_find(&records, "hosts/checkpoint_30");
    ck_ok(store_memory_new(&s, &err), &err);
    ck_ok(store_memory_put(s, "a/b", index->data, index->len, &err), &err);
    ck_ok(store_memory_put(s, "a/checkpoint_30", index->data, index->len, &err),
          &err);
    ck_fails(checkpoint_open_steal(s, "", &c, &err), &err, ERR_METADATA,
             "a/checkpoint_30_gda/params/encoder/layers_0/kernel is no zarr");
    ck_assert_str_eq(err.subject, "encoder/layers_0/kernel");
    records_done(&records);
}
END_TEST

/* Opens a file of that JSON, packed. */
static int open_json(const char *json, struct checkpoint **out,
                     struct error *err)
{
    struct buf b = BUF_INIT(1 << 20);
    struct store *s = NULL;

    records_pack(&b, json);
    ck_ok(store_memory_new(&s, err), err);
    ck_ok(store_memory_put(s, "checkpoint_7", b.data, b.len, err), err);
    buf_done(&b);
    return checkpoint_open_steal(s, "", out, err);
}

START_TEST(test_refusals)
{
    static const struct {
        const char *json;
        enum error_code code;
        const char *word;
    } bad[] = {
        { "{\"params\":{\"a\":\"//GDAPlaceholder:../x\"}}", ERR_PATH,
          "array a: its placeholder '../x' leads out" },
        { "{\"params\":{\"a\":\"//GDAPlaceholder:/x\"}}", ERR_PATH,
          "leads out" },
        { "{\"params\":{\"a\":\"//GDAPlaceholder:\"}}", ERR_PATH, "leads out" },
        { "{\"params\":{\"a\":\"//GDAPlaceholder\"}}", ERR_INDEX,
          "array a: it is a text" },
        { "{\"a\":\"words\"}", ERR_INDEX, "it is a text" },
        { "{}", ERR_INDEX, "holds no arrays" },
        { "{\"a\":{\"b\":{},\"c\":null}}", ERR_INDEX, "holds no arrays" },
    };
    struct checkpoint *c = NULL;
    struct error err;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_fails(open_json(bad[i].json, &c, &err), &err, bad[i].code,
                 bad[i].word);
}
END_TEST

/* Members that look like the marks of one kind, but are not. */
START_TEST(test_kinds)
{
    static const struct {
        const char *json;
        const char *array;
        int64_t step;
    } good[] = {
        { "{\"params\":1,\"b\":2}", "params", 7 },
        { "{\"step\":\"x\",\"params\":{\"a\":1}}", "a", 7 },
        { "{\"params\":{\"params\":{\"params\":{\"params\":{\"a\":1}}}}}",
          "params/a", 7 },
        { "{\"target\":{\"params\":{\"a\":1},\"other\":{}}}", "a", 7 },
        { "{\"params\":{\"a\":1,\"nil\":null,\"none\":{}},\"step\":9}", "a",
          9 },
    };
    struct checkpoint *c = NULL;
    struct error err;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_ok(open_json(good[i].json, &c, &err), &err);
        ck_assert_msg(checkpoint_find(c, good[i].array) != NULL, "%s",
                      good[i].json);
        ck_assert_int_eq(c->step, good[i].step);
        checkpoint_free(c);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("flax");
    TCase *tc = tcase_create("flax");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tc, test_fixtures, 0, sizeof cases / sizeof *cases);
    tcase_add_test(tc, test_lost_folder);
    tcase_add_test(tc, test_refusals);
    tcase_add_test(tc, test_kinds);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
