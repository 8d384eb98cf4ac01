/*
 * What the files of the database share; private to jobs/db*.c and their tests.
 */
#ifndef SWITCHYARD_JOBS_DB_IMPL_H
#define SWITCHYARD_JOBS_DB_IMPL_H

#include <pthread.h>
#include <sqlite3.h>
#include <stddef.h>

#include "jobs/db.h"

enum {
    DB_APPLICATION_ID = 0x53575944, /* "SWYD", in the file's header */
    DB_STATEMENTS = 256,            /* a power of two; a few dozen are used */
};

struct db_statement {
    const char *sql;
    sqlite3_stmt *stmt;
    bool busy;
};

/* A connection is the transaction that runs on it. */
struct db_tx {
    struct db *db;
    enum db_mode mode;
    sqlite3 *handle;
    pthread_mutex_t mutex;
    struct db_statement statements[DB_STATEMENTS]; /* by address of the SQL */
};

struct db {
    char *folder;
    int lock; /* descriptor of the lock file */
    struct db_tx connections[2];
};

/* Migration i brings a database from version i to i + 1. */
struct db_schema {
    const char *const *migrations;
    unsigned count;
};

extern const struct db_schema db_schema;

/* db_open() with another history, to test the migrations themselves. */
int db_open_schema(const char *folder, const struct db_schema *schema,
                   struct db **out, struct error *err);

/* The error for an SQLite status: "cannot WHAT: ...". */
int db_fail(const struct db_tx *tx, int status, const char *what,
            struct error *err);

#endif
