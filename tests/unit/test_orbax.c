/*
 * checkpoint/orbax.c over what four versions of Orbax wrote, and over copies of
 * it that are damaged or not whole.
 */
#include "unit.h"

#include <stdio.h>

#include "checkpoint/orbax_index.h"
#include "records.h"

/* The first two write "checkpoint", the others _METADATA. */
static const struct {
    const char *name;
    bool zarr3;
} versions[] = {
    { "orbax-0.4.1", false },
    { "orbax-0.5.0", false },
    { "orbax-0.5.23", true },
    { "orbax-0.12.8", true },
};

/* A format of NULL: 0.4.1 makes a database where folders were asked for. */
static const struct {
    const char *name;
    const char *format;
    int64_t step;
    bool zarr3;
} cases[] = {
    { "ocdbt", "orbax-ocdbt", 7, false },
    { "folders", NULL, 7, false },
    { "some-inline", "orbax-ocdbt", 7, false },
    { "managed", "orbax-ocdbt", 7, false },
    { "bare", "orbax-ocdbt", -1, false },
    { "flax", "orbax-ocdbt", 3, false },
    { "ocdbt-zarr3", "orbax-ocdbt", 7, true },
    { "folders-zarr3", "orbax", 7, true },
};

static struct records records;

static struct checkpoint *open_steal(struct store *s)
{
    struct checkpoint *c = NULL;
    struct error err;

    ck_ok(checkpoint_open_steal(s, "", &c, &err), &err);
    return c;
}

/* All arrays of the case are there, and no others. */
static void compare(const struct checkpoint *c, const char *name)
{
    size_t len = strlen(name);
    size_t seen = 0;

    for (size_t i = 0; i < records.count; i++) {
        const struct record *r = &records.items[i];
        const char *rest = r->name + 7;
        const struct array *a;
        char array[200];

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
    ck_assert_uint_eq(seen, 5);
    ck_assert_uint_eq(seen, c->count);
}

START_TEST(test_versions)
{
    records_load(&records, versions[_i].name);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct checkpoint *c;

        if (cases[i].zarr3 && !versions[_i].zarr3)
            continue;
        c = open_steal(records_store(&records, cases[i].name));
        compare(c, cases[i].name);
        ck_assert_msg(c->step == cases[i].step, "%s: step %lld", cases[i].name,
                      (long long)c->step);
        if (cases[i].format)
            ck_assert_str_eq(c->format, cases[i].format);
        ck_assert_uint_eq(c->warning_count, 0);
        checkpoint_free(c);
    }
    records_done(&records);
}
END_TEST

/* The case without the objects whose names begin with lost. */
static struct store *without(const char *name, const char *lost)
{
    struct store *s = NULL;
    struct error err;
    size_t dropped = 0;
    size_t len = strlen(name) + 1;

    ck_ok(store_memory_new(&s, &err), &err);
    for (size_t i = 0; i < records.count; i++) {
        const struct record *r = &records.items[i];

        if (strncmp(r->name, name, len - 1) != 0 || r->name[len - 1] != '/')
            continue;
        if (!strncmp(r->name + len, lost, strlen(lost)))
            dropped++;
        else
            ck_ok(store_memory_put(s, r->name + len, r->data, r->len, &err),
                  &err);
    }
    ck_assert_uint_gt(dropped, 0);
    return s;
}

static void put(struct store *s, const char *name, const char *text)
{
    struct error err;

    ck_ok(store_memory_put(s, name, text, strlen(text), &err), &err);
}

START_TEST(test_lost)
{
    static const struct {
        const char *name;
        const char *lost;
        enum error_code code;
        const char *word;
    } bad[] = {
        { "ocdbt", "manifest.ocdbt", ERR_UNFINISHED, "each process" },
        { "ocdbt", "d/", ERR_INDEX, "not there" },
        { "folders", "target.list.0/.zarray", ERR_METADATA, "list/0" },
        { "folders", "_METADATA", ERR_UNFINISHED, "_METADATA" },
        { "folders-zarr3", "target.list.0/", ERR_METADATA, "list/0" },
    };

    records_load(&records, "orbax-0.12.8");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct checkpoint *c = NULL;
        struct error err;

        ck_fails(checkpoint_open_steal(without(bad[i].name, bad[i].lost), "",
                                       &c, &err),
                 &err, bad[i].code, bad[i].word);
    }
    records_done(&records);
}
END_TEST

/* Uploads leave the optimizer's state out, and the step with it. */
START_TEST(test_no_step)
{
    struct checkpoint *c;

    records_load(&records, "orbax-0.12.8");
    c = open_steal(without("folders", "state."));
    compare(c, "folders");
    ck_assert_int_eq(c->step, -1);
    checkpoint_free(c);
    records_done(&records);
}
END_TEST

static void check_root(const char *const *leaves, const char *want)
{
    struct orbax_index x = { 0 };
    struct buf b = BUF_INIT(4096);
    struct error err;
    char root[64];

    buf_puts(&b, "{\"tree_metadata\": {");
    for (size_t i = 0; leaves[i]; i++) {
        const char *p = leaves[i];

        buf_printf(&b, "%s\"%s\": {\"key_metadata\": [", i ? "," : "", p);
        for (size_t n; *p; p += n + (p[n] == '/')) {
            n = strcspn(p, "/");
            buf_printf(&b, "%s{\"key\": \"%.*s\"}", p == leaves[i] ? "" : ",",
                       (int)n, p);
        }
        buf_puts(&b, "]}");
    }
    buf_puts(&b, "}}");
    ck_ok(orbax_index_read(b.data, b.len, "_METADATA", &x, &err), &err);
    ck_assert_uint_eq(orbax_index_root(&x, root, sizeof root), strlen(want));
    ck_assert_str_eq(root, want);
    orbax_index_done(&x);
    buf_done(&b);
}

START_TEST(test_roots)
{
    static const struct {
        const char *leaves[4];
        const char *root;
    } trees[] = {
        { { "target/a/b", "state/step" }, "target/" },
        { { "optimizer/target/a", "optimizer/state/step" },
          "optimizer/target/" },
        { { "_optimizer/target/a", "params_axes/a" }, "_optimizer/target/" },
        { { "params/a", "opt_state/0/mu/params/a", "step" }, "params/" },
        { { "params/params/a", "params/stats/m", "step" }, "params/params/" },
        { { "target/params/a" }, "target/params/" },
        { { "encoder/a", "decoder/params/a" }, "" },
        { { "target" }, "" },
    };

    for (size_t i = 0; i < sizeof trees / sizeof *trees; i++)
        check_root(trees[i].leaves, trees[i].root);
}
END_TEST

/* Either way to say that a leaf is no array. */
START_TEST(test_no_arrays)
{
    static const char text[] =
        "{\"tree_metadata\": {\"a\": {\"key_metadata\": [{\"key\": \"a\"}],"
        "\"value_metadata\": {\"value_type\": \"new\", "
        "\"skip_deserialize\": true}}, \"b\": {\"key_metadata\": "
        "[{\"key\": \"b\"}], \"value_metadata\": {\"value_type\": "
        "\"Dict\"}}}}";
    struct orbax_index x = { 0 };
    struct error err;

    ck_ok(orbax_index_read(text, sizeof text - 1, "_METADATA", &x, &err), &err);
    ck_assert_uint_eq(x.count, 0);
    orbax_index_done(&x);
}
END_TEST

/* Where the index is lost, a database still tells what it holds. */
START_TEST(test_no_index)
{
    struct checkpoint *c;

    records_load(&records, "orbax-0.12.8");
    c = open_steal(without("ocdbt-zarr3", "_METADATA"));
    ck_assert_ptr_nonnull(checkpoint_find(c, "encoder/layers_0/wi/kernel"));
    ck_assert_ptr_nonnull(checkpoint_find(c, "encoder/x/y/scale"));
    ck_assert_uint_eq(c->count, 5);
    ck_assert_uint_eq(c->warning_count, 1);
    ck_assert_ptr_nonnull(strstr(c->warnings[0], "_METADATA"));
    checkpoint_free(c);
    records_done(&records);
}
END_TEST

START_TEST(test_damaged_index)
{
    static const struct {
        const char *text;
        enum error_code code;
        const char *word;
    } bad[] = {
        { "", ERR_INDEX, "JSON" },
        { "{\"tree_metadata\": {", ERR_INDEX, "JSON" },
        { "[]", ERR_INDEX, "tree_metadata" },
        { "{}", ERR_INDEX, "tree_metadata" },
        { "{\"tree_metadata\": 5}", ERR_INDEX, "tree_metadata" },
        { "{\"tree_metadata\": {\"a\": {}}}", ERR_INDEX, "keys" },
        { "{\"tree_metadata\": {\"a\": {\"key_metadata\": [{}]}}}", ERR_INDEX,
          "key" },
        { "{\"tree_metadata\": {\"a\": {\"key_metadata\": [{\"key\": 5}]}}}",
          ERR_INDEX, "key" },
        { "{\"tree_metadata\": {\"a\": {\"key_metadata\": [{\"key\": "
          "\"..\"}]}}}",
          ERR_PATH, ".." },
        { "{\"tree_metadata\": {\"a\": {\"key_metadata\": [{\"key\": "
          "\"/etc\"}]}}}",
          ERR_PATH, "/etc" },
        { "{\"tree_metadata\": {\"a\": {\"key_metadata\": [{\"key\": "
          "\"none\"}]}}}",
          ERR_METADATA, "none" },
        { "{\"tree_metadata\": {\"a\": {\"key_metadata\": [{\"key\": \"a\"}]},"
          "\"b\": {\"key_metadata\": [{\"key\": \"a\"}]}}}",
          ERR_INDEX, "twice" },
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct checkpoint *c = NULL;
        struct store *s = NULL;
        struct error err;

        ck_ok(store_memory_new(&s, &err), &err);
        put(s, "_METADATA", bad[i].text);
        put(s, "a/.zarray",
            "{\"zarr_format\":2,\"shape\":[2],\"chunks\":[2],\"dtype\":"
            "\"<f4\",\"compressor\":null,\"order\":\"C\",\"filters\":null,"
            "\"fill_value\":null}");
        ck_fails(checkpoint_open_steal(s, "", &c, &err), &err, bad[i].code,
                 bad[i].word);
    }
}
END_TEST

/* A step that Orbax's own marks call unfinished is passed over. */
START_TEST(test_unfinished_step)
{
    static const char unfinished[] = "{\"commit_timestamp_nsecs\": null}";
    struct checkpoint *c;
    struct store *s;

    records_load(&records, "orbax-0.12.8");
    s = records_store(&records, "managed");
    put(s, "ckpt_10/_CHECKPOINT_METADATA", unfinished);
    put(s, "ckpt_11.orbax-checkpoint-tmp/state/_METADATA", "{}");
    c = open_steal(s);
    ck_assert_ptr_nonnull(strstr(c->path, "ckpt_9"));
    ck_assert_uint_eq(c->warning_count, 1);
    ck_assert_ptr_nonnull(strstr(c->warnings[0], "ckpt_10"));
    checkpoint_free(c);

    s = records_store(&records, "managed/ckpt_10");
    put(s, "_CHECKPOINT_METADATA", unfinished);
    c = open_steal(s);
    ck_assert_uint_eq(c->warning_count, 1);
    checkpoint_free(c);
    records_done(&records);
}
END_TEST

/* In a bucket, where nothing can be renamed, a file says that all is there. */
START_TEST(test_unfinished_in_bucket)
{
    struct checkpoint *c;
    struct store *s;

    records_load(&records, "orbax-0.12.8");
    for (unsigned bucket = 0; bucket < 2; bucket++) {
        s = without("managed", "ckpt_10/commit_success.txt");
        if (bucket) {
            free(s->label);
            s->label = strdup("gs://bucket");
        }
        c = open_steal(s);
        ck_assert_ptr_nonnull(strstr(c->path, bucket ? "ckpt_9" : "ckpt_10"));
        ck_assert_uint_eq(c->warning_count, bucket);
        checkpoint_free(c);
    }
    records_done(&records);
}
END_TEST

START_TEST(test_items)
{
    struct checkpoint *c = NULL;
    struct store *s;
    struct error err;

    /* An item of another name is found where it is the only one. */
    records_load(&records, "orbax-0.12.8");
    ck_ok(store_memory_new(&s, &err), &err);
    for (size_t i = 0; i < records.count; i++) {
        char name[300];

        if (strncmp(records.items[i].name, "ocdbt/", 6) != 0)
            continue;
        snprintf(name, sizeof name, "0000012/model/%s",
                 records.items[i].name + 6);
        ck_ok(store_memory_put(s, name, records.items[i].data,
                               records.items[i].len, &err),
              &err);
    }
    put(s, "0000012/metadata/metadata", "{}");
    c = open_steal(s);
    compare(c, "ocdbt");
    ck_assert_ptr_nonnull(strstr(c->path, "0000012/model"));
    checkpoint_free(c);

    /* Two cannot be told apart. */
    s = records_store(&records, "managed/ckpt_10");
    put(s, "model/_METADATA", "{}");
    put(s, "other/_METADATA", "{}");
    c = open_steal(s); /* "state" goes before them */
    checkpoint_free(c);
    ck_ok(store_memory_new(&s, &err), &err);
    put(s, "model/_METADATA", "{}");
    put(s, "other/_METADATA", "{}");
    ck_fails(checkpoint_open_steal(s, "", &c, &err), &err, ERR_FORMAT,
             "more than one");
    records_done(&records);
}
END_TEST

int main(void)
{
    const TTest *tests[] = { test_no_step,
                             test_roots,
                             test_no_arrays,
                             test_lost,
                             test_no_index,
                             test_damaged_index,
                             test_unfinished_step,
                             test_unfinished_in_bucket,
                             test_items };
    Suite *suite = suite_create("orbax");
    TCase *tc = tcase_create("versions");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tc, test_versions, 0,
                        sizeof versions / sizeof *versions);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
