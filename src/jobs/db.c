/*
 * Transactions and queries.
 *
 * Compiled statements are kept for the life of the connection, in a hash table
 * by the address of their SQL. A query that fails at any step does nothing in
 * the steps that follow, so that callers check once.
 */
#include "jobs/db_impl.h"

#include <limits.h>
#include <string.h>

int db_fail(const struct db_tx *tx, int status, const char *what,
            struct error *err)
{
    const char *why =
        tx->handle ? sqlite3_errmsg(tx->handle) : sqlite3_errstr(status);

    switch (status & 0xff) {
    case SQLITE_NOMEM:
        return error_memory(err);
    case SQLITE_FULL:
        error_set(err, ERR_SPACE, "the database cannot grow: %s", why);
        return error_subject(err, "%s", tx->db->folder);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        error_set(err, ERR_BUSY, "the database is busy: %s", why);
        return error_subject(err, "%s", tx->db->folder);
    default:
        error_set(err, ERR_DATABASE, "cannot %s: %s (%s)", what, why,
                  sqlite3_errstr(status));
        return error_subject(err, "%s/switchyard.db", tx->db->folder);
    }
}

int db_begin(struct db *db, enum db_mode mode, struct db_tx **out,
             struct error *err)
{
    struct db_tx *tx = &db->connections[mode];
    struct db_query q;
    int rc;

    pthread_mutex_lock(&tx->mutex);
    db_query(tx, &q, mode == DB_WRITE ? "BEGIN IMMEDIATE" : "BEGIN");
    rc = db_run(&q, err);
    if (rc) {
        pthread_mutex_unlock(&tx->mutex);
        return rc;
    }
    *out = tx;
    return 0;
}

int db_end(struct db_tx *tx, int rc, struct error *err)
{
    struct db_query q;

    if (!rc) {
        db_query(tx, &q, "COMMIT");
        rc = db_run(&q, err);
    }
    /* Some failures (a full disk) have rolled back by themselves. */
    if (rc && !sqlite3_get_autocommit(tx->handle)) {
        db_query(tx, &q, "ROLLBACK");
        db_run(&q, NULL);
    }
    pthread_mutex_unlock(&tx->mutex);
    return rc;
}

static struct db_statement *find_slot(struct db_tx *tx, const char *sql)
{
    size_t i = (size_t)((uintptr_t)sql * 0x9e3779b97f4a7c15u >> 32);

    for (size_t n = 0; n < DB_STATEMENTS; n++, i++) {
        struct db_statement *s = &tx->statements[i % DB_STATEMENTS];

        if (!s->sql || s->sql == sql)
            return s;
    }
    return NULL;
}

void db_query(struct db_tx *tx, struct db_query *q, const char *sql)
{
    struct db_statement *s = find_slot(tx, sql);

    *q = (struct db_query){ .tx = tx };
    if (!s || s->busy) {
        q->status = SQLITE_MISUSE; /* too many, or used inside itself */
        return;
    }
    if (!s->stmt) {
        q->status = sqlite3_prepare_v3(
            tx->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->stmt, NULL);
        if (q->status != SQLITE_OK)
            return;
        s->sql = sql;
    }
    s->busy = true;
    q->statement = s;
}

void db_bind_text(struct db_query *q, const char *text)
{
    size_t len = text ? strlen(text) : 0;

    if (q->status != SQLITE_OK)
        return;
    q->bound++;
    if (!text)
        q->status = sqlite3_bind_null(q->statement->stmt, q->bound);
    else if (len > INT_MAX)
        q->status = SQLITE_TOOBIG;
    else
        q->status = sqlite3_bind_text(q->statement->stmt, q->bound, text,
                                      (int)len, SQLITE_TRANSIENT);
}

void db_bind_u64(struct db_query *q, uint64_t value)
{
    if (q->status != SQLITE_OK)
        return;
    q->bound++;
    if (value > INT64_MAX)
        q->status = SQLITE_RANGE;
    else
        q->status = sqlite3_bind_int64(q->statement->stmt, q->bound,
                                       (sqlite3_int64)value);
}

bool db_row(struct db_query *q)
{
    int status;

    if (q->status != SQLITE_OK)
        return false;
    status = sqlite3_step(q->statement->stmt);
    if (status != SQLITE_ROW && status != SQLITE_DONE)
        q->status = status;
    return status == SQLITE_ROW;
}

const char *db_text(const struct db_query *q, int column)
{
    return (const char *)sqlite3_column_text(q->statement->stmt, column);
}

uint64_t db_u64(const struct db_query *q, int column)
{
    return (uint64_t)sqlite3_column_int64(q->statement->stmt, column);
}

int db_finish(struct db_query *q, struct error *err)
{
    int rc = 0;

    if (q->status != SQLITE_OK)
        rc = db_fail(q->tx, q->status, "run a statement", err);
    if (q->statement) {
        sqlite3_reset(q->statement->stmt);
        sqlite3_clear_bindings(q->statement->stmt);
        q->statement->busy = false;
    }
    *q = (struct db_query){ .status = SQLITE_MISUSE };
    return rc;
}

int db_run(struct db_query *q, struct error *err)
{
    while (db_row(q))
        continue;
    return db_finish(q, err);
}

uint64_t db_changes(const struct db_tx *tx)
{
    return (uint64_t)sqlite3_changes64(tx->handle);
}

int db_check(struct db *db, struct error *err)
{
    struct db_tx *tx;
    struct db_query q;
    int rc = 0;

    for (enum db_mode mode = DB_READ; !rc && mode <= DB_WRITE; mode++) {
        rc = db_begin(db, mode, &tx, err);
        if (rc)
            break;
        db_query(tx, &q, "SELECT count(*) FROM sqlite_schema");
        rc = db_end(tx, db_run(&q, err), err);
    }
    return rc;
}
