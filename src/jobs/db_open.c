/*
 * Opening the database: the folder and its lock, the connections' settings, and
 * the migrations.
 *
 * One process at a time has a data folder, which a lock on FOLDER/
 * switchyard.lock ensures: what a dead process left behind can only be told
 * from the work of a living one that way. The system drops the lock with the
 * process, however it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "jobs/db_impl.h"

enum { BUSY_MS = 5000, PATH_LIMIT = 8192 };

static int exec(struct db_tx *tx, const char *sql, const char *what,
                struct error *err)
{
    int status = sqlite3_exec(tx->handle, sql, NULL, NULL, NULL);

    return status == SQLITE_OK ? 0 : db_fail(tx, status, what, err);
}

/* "PRAGMA name", whose value is a number. */
static int get_pragma(struct db_tx *tx, const char *sql, uint64_t *value,
                      struct error *err)
{
    struct db_query q;

    *value = 0;
    db_query(tx, &q, sql);
    if (db_row(&q))
        *value = db_u64(&q, 0);
    return db_finish(&q, err);
}

/* Pragmas take no parameters; only numbers are put into their text. */
static int set_pragma(struct db_tx *tx, const char *name, unsigned value,
                      struct error *err)
{
    char sql[64];

    snprintf(sql, sizeof sql, "PRAGMA %s = %u", name, value);
    return exec(tx, sql, "write the database's header", err);
}

static int lock_folder(struct db *db, struct error *err)
{
    struct buf path = BUF_INIT(PATH_LIMIT);

    if (mkdir(db->folder, 0700) != 0 && errno != EEXIST) {
        error_errno(err, ERR_WRITE, errno, "cannot make the data folder %.300s",
                    db->folder);
        return error_subject(err, "%s", db->folder);
    }
    buf_printf(&path, "%s/switchyard.lock", db->folder);
    if (buf_str(&path))
        db->lock = open(buf_str(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    buf_done(&path);
    if (db->lock < 0) {
        error_errno(err, ERR_WRITE, errno,
                    "cannot write to the data folder "
                    "%.300s",
                    db->folder);
        return error_subject(err, "%s", db->folder);
    }
    if (flock(db->lock, LOCK_EX | LOCK_NB) != 0) {
        error_set(err, ERR_IN_USE,
                  "another process uses the data folder %.300s", db->folder);
        error_subject(err, "%s", db->folder);
        return error_hint(err, "stop it, or use another folder");
    }
    return 0;
}

/* The name of the database file has to survive a power cut, too. */
static int sync_folder(const struct db *db, struct error *err)
{
    int fd = open(db->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd) != 0;
    int errnum = errno;

    if (fd >= 0)
        close(fd);
    if (!failed)
        return 0;
    return error_errno(err, ERR_WRITE, errnum,
                       "cannot make the folder %.300s durable", db->folder);
}

static int connect(struct db *db, enum db_mode mode, struct error *err)
{
    static const char settings[] = "PRAGMA journal_mode = WAL;"
                                   "PRAGMA synchronous = FULL;"
                                   "PRAGMA foreign_keys = ON;"
                                   "PRAGMA trusted_schema = OFF;";
    struct db_tx *tx = &db->connections[mode];
    struct buf path = BUF_INIT(PATH_LIMIT);
    int status = SQLITE_NOMEM;
    int rc;

    buf_printf(&path, "%s/switchyard.db", db->folder);
    if (buf_str(&path))
        status =
            sqlite3_open_v2(buf_str(&path), &tx->handle,
                            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                                SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                            NULL);
    buf_done(&path);
    if (status != SQLITE_OK)
        return db_fail(tx, status, "open the database", err);
    sqlite3_busy_timeout(tx->handle, BUSY_MS);
    sqlite3_db_config(tx->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(tx->handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(tx->handle, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    rc = exec(tx, settings, "open the database", err);
    if (!rc && mode == DB_READ)
        rc = exec(tx, "PRAGMA query_only = ON", "open the database", err);
    return rc;
}

static int newer(const struct db *db, uint64_t version, unsigned known,
                 struct error *err)
{
    error_set(err, ERR_DATABASE,
              "the database in %.200s was written by a newer version of "
              "this program",
              db->folder);
    error_subject(err, "%s/switchyard.db", db->folder);
    error_expected(err, "schema %u at most", known);
    error_actual(err, "schema %llu", (unsigned long long)version);
    return error_hint(err, "run that version, or start with an empty folder");
}

/* Reads the version; an empty database becomes ours. */
static int check_header(struct db_tx *tx, unsigned known, uint64_t *version,
                        struct error *err)
{
    uint64_t application = 0;
    uint64_t tables = 0;
    int rc = get_pragma(tx, "PRAGMA application_id", &application, err);

    if (!rc)
        rc = get_pragma(tx, "PRAGMA user_version", version, err);
    if (!rc)
        rc = get_pragma(tx, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (rc)
        return rc;
    if (application == 0 && *version == 0 && tables == 0)
        return set_pragma(tx, "application_id", DB_APPLICATION_ID, err);
    if (application != DB_APPLICATION_ID) {
        error_set(err, ERR_DATABASE,
                  "%.200s/switchyard.db belongs to another program",
                  tx->db->folder);
        return error_hint(err, "use another data folder");
    }
    return *version > known ? newer(tx->db, *version, known, err) : 0;
}

static int migrate(struct db_tx *tx, const struct db_schema *schema,
                   struct error *err)
{
    uint64_t version = 0;
    struct db_tx *began;
    char what[64];
    int rc = check_header(tx, schema->count, &version, err);

    for (unsigned i = (unsigned)version; !rc && i < schema->count; i++) {
        snprintf(what, sizeof what, "bring the database to schema %u", i + 1);
        rc = db_begin(tx->db, DB_WRITE, &began, err);
        if (rc)
            break;
        rc = exec(tx, schema->migrations[i], what, err);
        if (!rc)
            rc = set_pragma(tx, "user_version", i + 1, err);
        rc = db_end(began, rc, err);
    }
    return rc;
}

int db_open_schema(const char *folder, const struct db_schema *schema,
                   struct db **out, struct error *err)
{
    struct db *db = calloc(1, sizeof *db);
    int rc;

    if (!db)
        return error_memory(err);
    db->lock = -1;
    for (int i = 0; i < 2; i++) {
        db->connections[i].db = db;
        db->connections[i].mode = (enum db_mode)i;
        pthread_mutex_init(&db->connections[i].mutex, NULL);
    }
    db->folder = strdup(folder);
    rc = db->folder ? lock_folder(db, err) : error_memory(err);
    if (!rc)
        rc = connect(db, DB_WRITE, err);
    if (!rc)
        rc = migrate(&db->connections[DB_WRITE], schema, err);
    if (!rc)
        rc = connect(db, DB_READ, err);
    if (!rc)
        rc = sync_folder(db, err);
    if (rc)
        db_close(db);
    else
        *out = db;
    return rc;
}

int db_open(const char *folder, struct db **out, struct error *err)
{
    return db_open_schema(folder, &db_schema, out, err);
}

void db_close(struct db *db)
{
    if (!db)
        return;
    for (int i = 0; i < 2; i++) {
        struct db_tx *tx = &db->connections[i];

        for (size_t k = 0; k < DB_STATEMENTS; k++)
            sqlite3_finalize(tx->statements[k].stmt);
        sqlite3_close(tx->handle);
        pthread_mutex_destroy(&tx->mutex);
    }
    if (db->lock >= 0)
        close(db->lock);
    free(db->folder);
    free(db);
}

const char *db_folder(const struct db *db)
{
    return db->folder;
}
