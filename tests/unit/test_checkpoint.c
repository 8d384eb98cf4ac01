/*
 * checkpoint/checkpoint.c and locate.c: what a path is, which step is the
 * latest, what is refused and under which name.
 */
#include "unit.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "records.h"

static struct records records;

static void set_up(void)
{
    records_load(&records, "t5x");
}

static void tear_down(void)
{
    records_done(&records);
}

/* Puts the smallest fixture, a checkpoint of one array, into a folder. */
static void put_checkpoint(struct store *s, const char *folder)
{
    const struct record *r = records_find(&records, "version0/checkpoint");
    struct error err;
    char name[200];

    snprintf(name, sizeof name, "%s%scheckpoint", folder, *folder ? "/" : "");
    ck_ok(store_memory_put(s, name, r->data, r->len, &err), &err);
}

static void put(struct store *s, const char *name, const char *text)
{
    struct error err;

    ck_ok(store_memory_put(s, name, text, strlen(text), &err), &err);
}

static struct store *new_store(void)
{
    struct store *s = NULL;
    struct error err;

    ck_ok(store_memory_new(&s, &err), &err);
    return s;
}

static struct checkpoint *open_store(struct store *s, const char *folder)
{
    struct checkpoint *c = NULL;
    struct error err;

    ck_ok(checkpoint_open_steal(s, folder, &c, &err), &err);
    ck_assert_uint_eq(c->count, 1);
    return c;
}

START_TEST(test_latest_step)
{
    struct store *s = new_store();
    struct checkpoint *c;

    put_checkpoint(s, "checkpoint_900");
    put_checkpoint(s, "checkpoint_1000");
    put_checkpoint(s, "checkpoint_2000.tmp-1700000000");
    put(s, "checkpoint_3000/target.a/.zarray", "{}");
    put(s, "checkpoint_best/checkpoint", "x");
    put(s, "events.out", "x");
    c = open_store(s, "");
    ck_assert_ptr_nonnull(strstr(c->path, "checkpoint_1000"));
    ck_assert_int_eq(c->step, 7); /* the index knows better than the name */
    ck_assert_uint_eq(c->warning_count, 1);
    ck_assert_ptr_nonnull(strstr(c->warnings[0], "checkpoint_3000"));
    checkpoint_free(c);
}
END_TEST

START_TEST(test_named_folder)
{
    struct store *s = new_store();
    struct checkpoint *c;

    put_checkpoint(s, "run/checkpoint_900");
    put_checkpoint(s, "run/checkpoint_1000");
    c = open_store(s, "run/checkpoint_900");
    ck_assert_ptr_nonnull(strstr(c->path, "checkpoint_900"));
    checkpoint_free(c);
}
END_TEST

/* An archive of a folder holds the folder, and whatever the archiver adds. */
START_TEST(test_only_folder)
{
    struct store *s = new_store();
    struct checkpoint *c;

    put_checkpoint(s, "upload/checkpoint_7");
    put(s, "__MACOSX/x", "x");
    put(s, ".DS_Store", "x");
    put(s, "model.gin", "x");
    c = open_store(s, "");
    ck_assert_ptr_nonnull(strstr(c->path, "upload/checkpoint_7"));
    checkpoint_free(c);
}
END_TEST

START_TEST(test_refused)
{
    static const struct {
        const char *name; /* of the one object in the store */
        const char *text;
        enum error_code code;
        const char *word;
    } cases[] = {
        { "manifest.ocdbt", "x", ERR_INDEX, "manifest.ocdbt" },
        { "state/manifest.ocdbt", "x", ERR_INDEX, "state/manifest.ocdbt" },
        { "_METADATA", "{}", ERR_INDEX, "_METADATA" },
        { ".zarray", "{}", ERR_FORMAT, "zarr array" },
        { "zarr.json", "{}", ERR_FORMAT, "zarr 3" },
        { "model.safetensors", "x", ERR_FORMAT, "safetensors" },
        { "checkpoint", "model_checkpoint_path: \"m\"", ERR_FORMAT,
          "TensorFlow" },
        { "checkpoint", "\x1f\x8b\x08", ERR_FORMAT, "gzip" },
        { "checkpoint", "{\"a\":1}", ERR_FORMAT, "JSON" },
        { "checkpoint", "version https://git-lfs.github.com", ERR_FORMAT,
          "LFS" },
        { "checkpoint", "", ERR_INDEX, "empty" },
        { "checkpoint", "\x81", ERR_INDEX, "damaged" },
        { "target.a/.zarray", "{}", ERR_UNFINISHED, "index" },
        { "ocdbt.process_0/manifest.ocdbt", "x", ERR_UNFINISHED, "index" },
        { "checkpoint_5/target.a/.zarray", "{}", ERR_UNFINISHED, "index" },
        { "checkpoint_5.tmp-1/x", "x", ERR_UNFINISHED, "index" },
        { "a/b/c/d/e/checkpoint", "x", ERR_FORMAT, "no checkpoint" },
        { "README", "x", ERR_FORMAT, "no checkpoint" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct store *s = new_store();
        struct checkpoint *c = NULL;
        struct error err;

        put(s, cases[i].name, cases[i].text);
        ck_fails(checkpoint_open_steal(s, "", &c, &err), &err, cases[i].code,
                 cases[i].word);
        ck_assert_str_ne(err.hint, "");
        ck_assert_ptr_null(c);
    }
}
END_TEST

static void write_file(const char *path, const struct record *r)
{
    FILE *f = fopen(path, "wb");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(r->data, 1, r->len, f), r->len);
    ck_assert_int_eq(fclose(f), 0);
}

/* The three ways to name a checkpoint on disk. */
START_TEST(test_paths)
{
    char dir[] = "/tmp/switchyard-test-XXXXXX";
    char step[100], index[120], command[100];
    const char *const paths[] = { dir, step, index };
    struct error err;

    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(step, sizeof step, "%s/checkpoint_12", dir);
    snprintf(index, sizeof index, "%s/checkpoint", step);
    ck_assert_int_eq(mkdir(step, 0700), 0);
    write_file(index, records_find(&records, "version0/checkpoint"));
    for (size_t i = 0; i < 3; i++) {
        struct checkpoint *c = NULL;

        ck_ok(checkpoint_open_path(paths[i], &c, &err), &err);
        ck_assert_uint_eq(c->count, 1);
        ck_assert_ptr_nonnull(strstr(c->path, "checkpoint_12"));
        checkpoint_free(c);
    }
    snprintf(command, sizeof command, "rm -r %s", dir);
    ck_assert_int_eq(system(command), 0);
    ck_fails(checkpoint_open_path(dir, &(struct checkpoint *){ NULL }, &err),
             &err, ERR_NOT_FOUND, dir);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checkpoint");
    TCase *tc = tcase_create("checkpoint");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, test_latest_step);
    tcase_add_test(tc, test_named_folder);
    tcase_add_test(tc, test_only_folder);
    tcase_add_test(tc, test_refused);
    tcase_add_test(tc, test_paths);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
