/*
 * The database of a data folder: FOLDER/switchyard.db, an SQLite file.
 *
 * What db_end() has reported as written survives a power cut (WAL,
 * synchronous=FULL). Schema changes are numbered migrations (db_schema.c),
 * done when the database is opened.
 *
 * Threads: a struct db may be used from any thread. It has two connections,
 * each behind a mutex that a transaction holds from db_begin() to db_end(): one
 * for writing, one for reading, so that nobody who reads waits for a disk. Keep
 * transactions short, and never begin one inside another.
 *
 * Use: errors are sticky in the query, and reported by its end.
 *
 *     struct db_tx *tx;
 *     struct db_query q;
 *     int rc = db_begin(db, DB_READ, &tx, err);
 *
 *     if (rc)
 *         return rc;
 *     db_query(tx, &q, "SELECT name, size FROM files WHERE revision = ?");
 *     db_bind_text(&q, revision);
 *     while (db_row(&q))
 *         use(db_text(&q, 0), db_u64(&q, 1));
 *     rc = db_finish(&q, err);
 *     return db_end(tx, rc, err);
 */
#ifndef SWITCHYARD_JOBS_DB_H
#define SWITCHYARD_JOBS_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct db;
struct db_tx;

/*
 * Opens or creates the database; the folder is made if it is missing (not its
 * parents). ERR_IN_USE if another process has it open, ERR_DATABASE if the file
 * is not ours, damaged, or written by a newer version of the program.
 */
int db_open(const char *folder, struct db **out, struct error *err);

/* No transaction is open. NULL is fine. */
void db_close(struct db *db);

/*
 * Whether it can be read and the lock for writing can be had, for a check of
 * the service's health. Writes nothing.
 */
int db_check(struct db *db, struct error *err);

/* The folder, as it was given. */
const char *db_folder(const struct db *db);

/* A reader sees the database as it is now, until db_end(). */
enum db_mode { DB_READ, DB_WRITE };

int db_begin(struct db *db, enum db_mode mode, struct db_tx **out,
             struct error *err);

/*
 * Ends it in any case: commits if rc is 0, rolls back otherwise. Returns rc, or
 * why the commit failed; then nothing was written.
 */
int db_end(struct db_tx *tx, int rc, struct error *err);

/*
 * A statement being run. sql is a string literal (it is remembered by its
 * address and compiled once); values come in by '?' and db_bind_*() only, in
 * order. Every db_query() is followed by one db_finish() or db_run().
 */
struct db_query {
    struct db_tx *tx;
    struct db_statement *statement; /* NULL after a failure */
    int bound;                      /* parameters so far */
    int status;                     /* SQLite's, of the first failure */
};

void db_query(struct db_tx *tx, struct db_query *q, const char *sql);
void db_bind_text(struct db_query *q, const char *text); /* NULL: NULL */
void db_bind_u64(struct db_query *q, uint64_t value);    /* below 2^63 */

/* True while there is a row; its texts live until the next call. */
bool db_row(struct db_query *q);
const char *db_text(const struct db_query *q, int column); /* NULL: NULL */
uint64_t db_u64(const struct db_query *q, int column);     /* 0: NULL */

/* Ends the query; ERR_SPACE, ERR_DATABASE, ... if any step of it failed. */
int db_finish(struct db_query *q, struct error *err);

/* For statements without rows: runs it and ends the query. */
int db_run(struct db_query *q, struct error *err);

/* The rows that the statement run last has changed. */
uint64_t db_changes(const struct db_tx *tx);

#endif
