/*
 * jobs/db: what is committed stays, what is not is gone, migrations.
 */
#include "folder_fixture.h"

#include <pthread.h>
#include <sys/wait.h>

#include "jobs/db_impl.h"

static char folder[256];
static struct error err;

static const char one[] = "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)";
static const char two[] = "ALTER TABLE t ADD COLUMN c TEXT DEFAULT 'new'";
static const char broken[] = "ALTER TABLE t ADD COLUMN d TEXT; SELECT x FROM y";

static const char *const history[] = { one, two };
static const char *const bad_history[] = { one, two, broken };

#define SCHEMA(list, n) (&(const struct db_schema){ (list), (n) })

static struct db *reopen(struct db *db, const struct db_schema *schema)
{
    struct db *out = NULL;

    db_close(db);
    ck_ok(db_open_schema(folder, schema, &out, &err), &err);
    return out;
}

static int insert(struct db *db, uint64_t a, const char *b, int result)
{
    struct db_tx *tx;
    struct db_query q;
    int rc = db_begin(db, DB_WRITE, &tx, &err);

    ck_ok(rc, &err);
    db_query(tx, &q, "INSERT INTO t (a, b) VALUES (?, ?)");
    db_bind_u64(&q, a);
    db_bind_text(&q, b);
    rc = db_run(&q, &err);
    if (!rc)
        ck_assert_uint_eq(db_changes(tx), 1);
    return db_end(tx, rc ? rc : result, &err);
}

/* One number; sql is a literal. */
static uint64_t number(struct db *db, enum db_mode mode, const char *sql)
{
    struct db_tx *tx;
    struct db_query q;
    uint64_t n;

    ck_ok(db_begin(db, mode, &tx, &err), &err);
    db_query(tx, &q, sql);
    ck_assert(db_row(&q));
    n = db_u64(&q, 0);
    ck_ok(db_end(tx, db_finish(&q, &err), &err), &err);
    return n;
}

START_TEST(test_commit_and_rollback)
{
    struct db *db = reopen(NULL, SCHEMA(history, 1));

    ck_ok(insert(db, 1, "x", 0), &err);
    ck_assert_int_eq(insert(db, 2, "y", ERR_CANCELLED), ERR_CANCELLED);
    ck_assert_uint_eq(number(db, DB_READ, "SELECT count(*) FROM t"), 1);
    db = reopen(db, SCHEMA(history, 1));
    ck_assert_uint_eq(number(db, DB_READ, "SELECT sum(a) FROM t"), 1);
    db_close(db);
}
END_TEST

START_TEST(test_settings)
{
    struct db *db = reopen(NULL, SCHEMA(history, 1));

    for (enum db_mode m = DB_READ; m <= DB_WRITE; m++) {
        ck_assert_uint_eq(number(db, m, "PRAGMA synchronous"), 2);
        ck_assert_uint_eq(number(db, m, "PRAGMA foreign_keys"), 1);
    }
    ck_assert_uint_eq(number(db, DB_READ, "PRAGMA query_only"), 1);
    ck_assert_uint_eq(
        number(db, DB_READ,
               "SELECT journal_mode = 'wal' FROM pragma_journal_mode"),
        1);
    db_close(db);
}
END_TEST

START_TEST(test_failures_are_sticky)
{
    struct db *db = reopen(NULL, SCHEMA(history, 1));
    struct db_tx *tx;
    struct db_query q;
    struct db_query inner;

    ck_ok(insert(db, 1, NULL, 0), &err);
    ck_fails(insert(db, 1, "again", 0), &err, ERR_DATABASE, "UNIQUE");
    ck_ok(db_begin(db, DB_WRITE, &tx, &err), &err);
    db_query(tx, &q, "SELECT nothing FROM t");
    db_bind_u64(&q, 5);
    ck_assert(!db_row(&q));
    ck_fails(db_finish(&q, &err), &err, ERR_DATABASE, "nothing");
    db_query(tx, &q, "SELECT b FROM t WHERE a = ?");
    db_bind_u64(&q, UINT64_MAX);
    ck_fails(db_run(&q, &err), &err, ERR_DATABASE, "");
    for (int i = 0; i < 2; i++) {
        static const char sql[] = "SELECT b FROM t";

        db_query(tx, &q, sql);
        ck_assert(db_row(&q));
        ck_assert_ptr_null(db_text(&q, 0));
        db_query(tx, &inner, sql);
        ck_fails(db_run(&inner, &err), &err, ERR_DATABASE, "");
        ck_ok(db_finish(&q, &err), &err);
    }
    ck_ok(db_end(tx, 0, &err), &err);
    db_close(db);
}
END_TEST

START_TEST(test_reader_sees_a_snapshot_and_does_not_wait)
{
    struct db *db = reopen(NULL, SCHEMA(history, 1));
    struct db_tx *writer;
    struct db_query q;

    ck_ok(db_check(db, &err), &err);
    ck_ok(db_begin(db, DB_WRITE, &writer, &err), &err);
    db_query(writer, &q, "INSERT INTO t (a) VALUES (7)");
    ck_ok(db_run(&q, &err), &err);
    ck_assert_uint_eq(number(db, DB_READ, "SELECT count(*) FROM t"), 0);
    ck_ok(db_end(writer, 0, &err), &err);
    ck_assert_uint_eq(number(db, DB_READ, "SELECT count(*) FROM t"), 1);
    db_close(db);
}
END_TEST

START_TEST(test_migrations)
{
    struct db *db = reopen(NULL, SCHEMA(history, 1));

    ck_ok(insert(db, 1, "old", 0), &err);
    db = reopen(db, SCHEMA(history, 2));
    ck_assert_uint_eq(
        number(db, DB_READ, "SELECT count(*) FROM t WHERE c = 'new'"), 1);
    ck_assert_uint_eq(number(db, DB_READ, "PRAGMA user_version"), 2);
    db_close(db);
    ck_fails(db_open_schema(folder, SCHEMA(bad_history, 3), &db, &err), &err,
             ERR_DATABASE, "schema 3");
    db = reopen(NULL, SCHEMA(history, 2));
    ck_assert_uint_eq(
        number(db, DB_READ, "SELECT count(*) FROM pragma_table_info('t')"), 3);
    db_close(db);
    ck_fails(db_open_schema(folder, SCHEMA(history, 1), &db, &err), &err,
             ERR_DATABASE, "newer version");
}
END_TEST

START_TEST(test_refuses_what_is_not_ours)
{
    char path[300];
    sqlite3 *other;
    struct db *db;
    FILE *f;

    snprintf(path, sizeof path, "%s/switchyard.db", folder);
    ck_assert_int_eq(sqlite3_open(path, &other), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(other, one, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    ck_fails(db_open(folder, &db, &err), &err, ERR_DATABASE, "another program");
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    for (int i = 0; i < 1000; i++)
        fputs("not a database ", f);
    fclose(f);
    ck_fails(db_open(folder, &db, &err), &err, ERR_DATABASE, "not a database");
    ck_fails(db_open("/no/such/parent", &db, &err), &err, ERR_WRITE, "parent");
}
END_TEST

START_TEST(test_one_process_at_a_time)
{
    struct db *db;
    struct db *second;
    int status;
    pid_t pid;

    ck_ok(db_open(folder, &db, &err), &err);
    ck_fails(db_open(folder, &second, &err), &err, ERR_IN_USE, folder);
    db_close(db);
    pid = fork();
    if (pid == 0) {
        if (db_open(folder, &db, &err))
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status));
    ck_ok(db_open(folder, &db, &err), &err);
    db_close(db);
}
END_TEST

START_TEST(test_full_disk_is_no_space)
{
    struct db *db = reopen(NULL, SCHEMA(history, 1));
    char *large = calloc(1, 100001);
    int rc = 0;

    ck_assert_ptr_nonnull(large);
    memset(large, 'x', 100000);
    ck_ok(insert(db, 1, "small", 0), &err);
    ck_assert_uint_eq(number(db, DB_WRITE, "PRAGMA max_page_count = 60"), 60);
    for (uint64_t i = 2; i < 20 && !rc; i++)
        rc = insert(db, i, large, 0);
    ck_fails(rc, &err, ERR_SPACE, "cannot grow");
    ck_ok(insert(db, 100, "small", 0), &err);
    ck_assert_uint_eq(
        number(db, DB_READ, "SELECT count(*) FROM t WHERE b = 'small'"), 2);
    free(large);
    db_close(db);
}
END_TEST

static void *write_many(void *arg)
{
    struct db *db = arg;

    for (int i = 0; i < 200; i++) {
        struct db_tx *tx;
        struct db_query q;

        if (db_begin(db, DB_WRITE, &tx, NULL))
            return arg;
        db_query(tx, &q, "INSERT INTO t (b) VALUES ('thread')");
        if (db_end(tx, db_run(&q, NULL), NULL))
            return arg;
    }
    return NULL;
}

START_TEST(test_threads)
{
    struct db *db = reopen(NULL, SCHEMA(history, 1));
    pthread_t threads[4];
    void *failed;

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, write_many, db), 0);
    for (int i = 0; i < 100; i++)
        ck_assert_uint_le(number(db, DB_READ, "SELECT count(*) FROM t"), 800);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &failed);
        ck_assert_ptr_null(failed);
    }
    ck_assert_uint_eq(number(db, DB_READ, "SELECT count(*) FROM t"), 800);
    db_close(db);
}
END_TEST

static void setup(void)
{
    folder_make(folder);
}

static void teardown(void)
{
    folder_remove(folder);
}

int main(void)
{
    const TTest *tests[] = {
        test_commit_and_rollback,
        test_settings,
        test_failures_are_sticky,
        test_reader_sees_a_snapshot_and_does_not_wait,
        test_migrations,
        test_refuses_what_is_not_ours,
        test_one_process_at_a_time,
        test_full_disk_is_no_space,
        test_threads,
    };

    return unit_run_in("db", tests, sizeof tests / sizeof *tests, setup,
                       teardown);
}
