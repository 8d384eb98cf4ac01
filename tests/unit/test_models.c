/*
 * jobs/models: publishing, sharing, deleting, and what a crash leaves.
 */
#include "models_fixture.h"

#include <pthread.h>

START_TEST(test_publish_and_get)
{
    struct stored_model *m = publish("acme/tiny", "k", "{}", "weights");
    struct stored_model *again;
    char revision[STORED_REVISION_LEN + 1];

    ck_assert_str_eq(m->name, "acme/tiny");
    ck_assert_uint_eq(m->file_count, 2);
    ck_assert_uint_eq(m->bytes, 9);
    ck_assert_uint_eq(m->published, now);
    ck_assert(stored_is_revision(m->revision));
    for (int i = 0; i < 2; i++) {
        ck_ok(models_get(models, "acme/tiny", i ? "main" : m->revision, &again,
                         &err),
              &err);
        ck_assert_str_eq(again->revision, m->revision);
        ck_assert_str_eq(again->provenance, "{\"job\":1}");
        ck_assert_int_eq(stored_find(again, "config.json"), 0);
        ck_assert_int_eq(stored_find(again, "model.safetensors"), 1);
        ck_assert_int_eq(stored_find(again, "x"), -1);
        stored_unref(again);
    }
    check_content(models, "acme/tiny");
    ck_ok(models_find_result(models, "k", revision, &err), &err);
    ck_assert_str_eq(revision, m->revision);
    ck_fails(models_find_result(models, "l", revision, &err), &err,
             ERR_NOT_FOUND, "l");
    ck_fails(models_get(models, "acme/big", NULL, &again, &err), &err,
             ERR_NOT_FOUND, "acme/big");
    ck_fails(models_get(models, "acme/tiny", "abc", &again, &err), &err,
             ERR_NOT_FOUND, "abc");
    ck_assert_uint_eq(entries("staging"), 0);
    stored_unref(m);
}
END_TEST

/* The definition in stored.h, worked out by hand with sha256sum. */
START_TEST(test_revision_is_the_content)
{
    struct stored_model *m = publish("a/b", NULL, "{}", "weights");
    struct stored_model *other = publish("c/d", NULL, "{}", "weightz");

    ck_assert_str_eq(m->files[0].sha256, "44136fa355b3678a1146ad16f7e8649e94fb4"
                                         "fc21fe77e8310c060f61caaff8a");
    ck_assert_str_eq(m->revision, "33f911de0e78a7778ee8eaa7e7dc385642105f4c");
    ck_assert_str_ne(other->revision, m->revision);
    stored_unref(m);
    stored_unref(other);
}
END_TEST

START_TEST(test_same_content_is_stored_once)
{
    struct stored_model *a = publish("a/b", "k1", "{}", "weights");
    struct stored_model *b = publish("c/d", "k2", "{}", "weights");

    ck_assert_str_eq(a->revision, b->revision);
    ck_assert_uint_eq(entries("blobs"), 2);
    ck_assert_uint_eq(models_bytes(models), 9);
    publish_only("e/f", NULL, "{ }", "weights");
    publish_only("g/h", NULL, "twice", "twice");
    ck_assert_uint_eq(entries("blobs"), 4);
    ck_assert_uint_eq(models_bytes(models), 9 + 3 + 5);
    ck_ok(models_delete(models, "a/b", NULL, &err), &err);
    check_content(models, "c/d");
    ck_ok(models_delete(models, "c/d", NULL, &err), &err);
    check_content(models, "e/f");
    ck_assert_uint_eq(entries("blobs"), 3);
    ck_ok(models_delete(models, "e/f", NULL, &err), &err);
    ck_ok(models_delete(models, "g/h", NULL, &err), &err);
    ck_assert_uint_eq(entries("blobs"), 0);
    ck_assert_uint_eq(models_bytes(models), 0);
    stored_unref(a);
    stored_unref(b);
}
END_TEST

START_TEST(test_revisions)
{
    struct stored_model *first = publish("a/b", NULL, "1", "w");
    struct stored_model *main_one;
    struct stored_list l;

    now += 1000;
    publish_only("a/b", NULL, "2", "w");
    ck_ok(models_revisions(models, "a/b", &l, &err), &err);
    ck_assert_uint_eq(l.count, 2);
    ck_assert_str_eq(l.items[1]->revision, first->revision);
    ck_assert_uint_eq(l.items[0]->published, now);
    stored_list_done(&l);
    /* The same content again is the main one again, not a third. */
    publish_only("a/b", NULL, "1", "w");
    ck_ok(models_get(models, "a/b", "main", &main_one, &err), &err);
    ck_assert_str_eq(main_one->revision, first->revision);
    stored_unref(main_one);
    ck_ok(models_revisions(models, "a/b", &l, &err), &err);
    ck_assert_uint_eq(l.count, 2);
    stored_list_done(&l);
    ck_ok(models_delete(models, "a/b", first->revision, &err), &err);
    ck_fails(models_delete(models, "a/b", first->revision, &err), &err,
             ERR_NOT_FOUND, "a/b");
    ck_ok(models_get(models, "a/b", NULL, &main_one, &err), &err);
    ck_assert_str_ne(main_one->revision, first->revision);
    stored_unref(main_one);
    ck_assert_uint_eq(entries("blobs"), 2);
    ck_ok(models_delete(models, "a/b", NULL, &err), &err);
    ck_fails(models_revisions(models, "a/b", &l, &err), &err, ERR_NOT_FOUND,
             "a/b");
    stored_unref(first);
}
END_TEST

START_TEST(test_list)
{
    static const char *const names[] = { "a/x", "a-b/x", "a/y", "b/x", "a/z" };
    struct stored_list l;

    for (int i = 0; i < 5; i++)
        publish_only(names[i], NULL, "{}", names[i]);
    publish_only("a/y", NULL, "{}", "newer");
    ck_ok(models_list(models, NULL, NULL, 2, &l, &err), &err);
    ck_assert_uint_eq(l.count, 2);
    ck_assert_str_eq(l.items[0]->name, "a-b/x");
    ck_assert_str_eq(l.items[1]->name, "a/x");
    stored_list_done(&l);
    ck_ok(models_list(models, NULL, "a/x", 10, &l, &err), &err);
    ck_assert_uint_eq(l.count, 3);
    ck_assert_str_eq(l.items[0]->name, "a/y");
    ck_assert_uint_eq(l.items[0]->bytes, 7);
    stored_list_done(&l);
    ck_ok(models_list(models, "a", "a/x", 10, &l, &err), &err);
    ck_assert_uint_eq(l.count, 2);
    ck_assert_str_eq(l.items[1]->name, "a/z");
    stored_list_done(&l);
}
END_TEST

START_TEST(test_link)
{
    struct stored_model *m = publish("a/b", "k", "{}", "w");
    struct stored_model *linked;

    ck_ok(models_link(models, "c/d", "k", &linked, &err), &err);
    ck_assert_str_eq(linked->revision, m->revision);
    ck_assert_str_eq(linked->name, "c/d");
    stored_unref(linked);
    ck_ok(models_delete(models, "a/b", NULL, &err), &err);
    check_content(models, "c/d");
    ck_ok(models_delete(models, "c/d", NULL, &err), &err);
    ck_fails(models_link(models, "c/d", "k", &linked, &err), &err,
             ERR_NOT_FOUND, "k");
    ck_fails(models_link(models, "cd", "k", &linked, &err), &err, ERR_USAGE,
             "owner");
    stored_unref(m);
}
END_TEST

START_TEST(test_open_file_outlives_deletion)
{
    struct stored_model *m = publish("a/b", NULL, "{}", "weights");
    char text[8] = "";
    int fd;
    int late;

    ck_ok(models_open_file(models, &m->files[1], &fd, &err), &err);
    ck_ok(models_delete(models, "a/b", NULL, &err), &err);
    ck_fails(models_open_file(models, &m->files[1], &late, &err), &err,
             ERR_NOT_FOUND, "model.safetensors");
    ck_assert_int_eq(read(fd, text, sizeof text), 7);
    ck_assert_str_eq(text, "weights");
    close(fd);
    stored_unref(m);
}
END_TEST

START_TEST(test_quota)
{
    struct models_stage *s;
    struct models_stage *t;

    others = 100;
    publish_only("a/b", NULL, "{}", "weights");
    ck_ok(models_stage(models, "s", 891, &s, &err), &err);
    ck_fails(models_stage(models, "t", 1, &t, &err), &err, ERR_QUOTA, "quota");
    ck_assert_uint_eq(models_bytes(models), 900);
    models_stage_free(s);
    ck_assert_uint_eq(models_bytes(models), 9);
    others = 2000;
    ck_fails(models_stage(models, "t", 0, &t, &err), &err, ERR_QUOTA, "quota");
}
END_TEST

START_TEST(test_refused_publications_leave_nothing)
{
    atomic_bool cancel = true;
    struct models_publication p = { .name = "a/b", .cancel = &cancel };
    struct stored_model *m;
    struct models_stage *s;
    char path[600];

    ck_ok(models_stage(models, "s", 9, &s, &err), &err);
    ck_fails(models_publish(models, s, &p, &m, &err), &err, ERR_WRITE, "open");
    put_file(s, "config.json", "{}");
    ck_fails(models_publish(models, s, &p, &m, &err), &err, ERR_CANCELLED,
             "cancelled");
    cancel = false;
    p.name = "no-owner";
    ck_fails(models_publish(models, s, &p, &m, &err), &err, ERR_USAGE,
             "no-owner");
    p.name = "a/b";
    snprintf(path, sizeof path, "%s/folder", models_stage_path(s));
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_fails(models_publish(models, s, &p, &m, &err), &err, ERR_WRITE,
             "folder");
    models_stage_free(s);
    ck_assert_uint_eq(entries("staging"), 0);
    ck_assert_uint_eq(entries("blobs"), 0);
    ck_fails(models_get(models, "a/b", NULL, &m, &err), &err, ERR_NOT_FOUND,
             "a/b");
    ck_assert_uint_eq(models_bytes(models), 0);
}
END_TEST

START_TEST(test_failed_commit_takes_the_blobs_back)
{
    struct models_publication p = { .name = "a/b" };
    struct stored_model *m;
    struct models_stage *s;
    struct db_tx *tx;
    struct db_query q;

    if (!db)
        return;
    ck_ok(db_begin(db, DB_WRITE, &tx, &err), &err);
    db_query(tx, &q,
             "CREATE TRIGGER t BEFORE INSERT ON models BEGIN"
             " SELECT raise(ABORT, 'no more models'); END");
    ck_ok(db_end(tx, db_run(&q, &err), &err), &err);
    ck_ok(models_stage(models, "s", 9, &s, &err), &err);
    put_file(s, "config.json", "{}");
    ck_fails(models_publish(models, s, &p, &m, &err), &err, ERR_DATABASE,
             "no more models");
    models_stage_free(s);
    ck_assert_uint_eq(entries("blobs"), 0);
    ck_assert_uint_eq(models_bytes(models), 0);
}
END_TEST

/* The second of two files cannot be stored: the first one goes as well. */
START_TEST(test_failed_move_takes_the_blobs_back)
{
    struct models_publication p = { .name = "a/b" };
    struct stored_model *m = publish("x/y", NULL, "{}", "weights");
    struct models_stage *s;
    char path[600];

    snprintf(path, sizeof path, "%s/models/blobs/%s", folder,
             m->files[1].sha256);
    stored_unref(m);
    ck_ok(models_delete(models, "x/y", NULL, &err), &err);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_ok(models_stage(models, "s", 9, &s, &err), &err);
    put_file(s, "config.json", "{}");
    put_file(s, "model.safetensors", "weights");
    ck_fails(models_publish(models, s, &p, &m, &err), &err, ERR_WRITE,
             "model.safetensors");
    ck_assert_uint_eq(entries("blobs"), 1); /* the folder in the way */
    ck_assert_int_eq(rmdir(path), 0);
    models_stage_free(s);
    ck_fails(models_get(models, "a/b", NULL, &m, &err), &err, ERR_NOT_FOUND,
             "a/b");
    ck_assert_uint_eq(models_bytes(models), 0);
    publish_only("a/b", NULL, "{}", "weights");
    check_content(models, "a/b");
}
END_TEST

START_TEST(test_opening_sweeps)
{
    char path[600];
    FILE *f;

    if (!db)
        return;
    publish_only("a/b", NULL, "{}", "weights");
    close_all();
    snprintf(path, sizeof path, "%s/models/staging/dead/model", folder);
    *strrchr(path, '/') = '\0';
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/models/staging/dead/part", folder);
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fclose(f);
    snprintf(path, sizeof path, "%s/models/blobs/%064d", folder, 0);
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fclose(f);
    ck_assert_uint_eq(entries("blobs"), 3);
    open_sqlite();
    ck_assert_uint_eq(entries("blobs"), 2);
    ck_assert_uint_eq(entries("staging"), 0);
    ck_assert_uint_eq(models_bytes(models), 9);
    check_content(models, "a/b");
}
END_TEST

START_TEST(test_names)
{
    static const struct {
        const char *name;
        bool good;
    } cases[] = {
        { "acme/switch-base-8", true },
        { "a/b", true },
        { "_A.b_c/9", true },
        { "a", false },
        { "/b", false },
        { "a/", false },
        { "a/b/c", false },
        { "-a/b", false },
        { "a/b-", false },
        { "a/.b", false },
        { "../b", false },
        { "a/b..c", false },
        { "a/b--c", false },
        { "a/b.git", false },
        { "a b/c", false },
        { "a/\xc3\xa4", false },
        { "a/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
          "bbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
          true },
        { "a/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
          "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
          false },
        { "", false },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg((stored_check_name(cases[i].name, &err) == 0) ==
                          cases[i].good,
                      "%s", cases[i].name);
    ck_assert(!stored_is_revision("main"));
    ck_assert(!stored_is_revision("A123456789012345678901234567890123456789"));
}
END_TEST

/* One thread publishes and deletes, another reads whatever is there. */
static void *come_and_go(void *arg)
{
    const char *name = arg;
    struct models_publication p = { .name = name };
    struct models_stage *s;
    struct stored_model *m;

    for (int i = 0; i < 50; i++) {
        if (models_stage(models, name + 2, 10, &s, NULL))
            return arg;
        put_file(s, "config.json", "same");
        put_file(s, "model.safetensors", i % 2 ? "same too" : name);
        if (models_publish(models, s, &p, &m, NULL))
            return arg;
        models_stage_free(s);
        for (size_t k = 0; k < m->file_count; k++) {
            int fd;

            if (models_open_file(models, &m->files[k], &fd, NULL))
                return arg;
            close(fd);
        }
        stored_unref(m);
        if (models_delete(models, name, NULL, NULL))
            return arg;
    }
    return NULL;
}

START_TEST(test_threads)
{
    static char names[3][4] = { "a/x", "a/y", "a/z" };
    pthread_t threads[3];
    void *failed;

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, come_and_go, names[i]), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], &failed);
        ck_assert_ptr_null(failed);
    }
    ck_assert_uint_eq(entries("blobs"), 0);
    ck_assert_uint_eq(models_bytes(models), 0);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {
        test_publish_and_get,
        test_revision_is_the_content,
        test_same_content_is_stored_once,
        test_revisions,
        test_list,
        test_link,
        test_open_file_outlives_deletion,
        test_quota,
        test_refused_publications_leave_nothing,
        test_failed_commit_takes_the_blobs_back,
        test_failed_move_takes_the_blobs_back,
        test_opening_sweeps,
        test_names,
        test_threads,
    };
    const size_t count = sizeof tests / sizeof *tests;
    int failed =
        unit_run_in("models in memory", tests, count, setup_memory, teardown);

    return failed | unit_run_in("models in sqlite", tests, count, setup_sqlite,
                                teardown);
}
