/*
 * The schema, as the history of its changes.
 *
 * A migration that has been released is never edited: a change is a new one at
 * the end. Times are milliseconds since 1970. Ids of jobs are UUIDs of version
 * 7, so their order as text is the order of submission.
 */
#include "jobs/db_impl.h"

/* Jobs. token is the fencing token of the claim that may change the job. */
static const char jobs_sql[] =
    "CREATE TABLE jobs ("
    "  id TEXT PRIMARY KEY,"
    "  state INTEGER NOT NULL,"
    "  model TEXT NOT NULL,"
    "  key TEXT,"
    "  request TEXT NOT NULL,"
    "  created INTEGER NOT NULL,"
    "  started INTEGER,"
    "  finished INTEGER,"
    "  version INTEGER NOT NULL,"
    "  attempts INTEGER NOT NULL DEFAULT 0,"
    "  token INTEGER NOT NULL DEFAULT 0,"
    "  lease INTEGER,"
    "  cancel INTEGER NOT NULL DEFAULT 0,"
    "  revision TEXT,"
    "  problem TEXT,"
    "  report TEXT"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX jobs_by_state ON jobs (state, id);"
    "CREATE INDEX jobs_by_model ON jobs (model, id);"
    "CREATE INDEX jobs_by_key ON jobs (key, id) WHERE key IS NOT NULL;"
    "CREATE TABLE events ("
    "  job TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,"
    "  seq INTEGER NOT NULL,"
    "  time INTEGER NOT NULL,"
    "  state INTEGER NOT NULL,"
    "  attempt INTEGER NOT NULL,"
    "  PRIMARY KEY (job, seq)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE idempotency ("
    "  key TEXT PRIMARY KEY,"
    "  fingerprint TEXT NOT NULL,"
    "  job TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX idempotency_by_job ON idempotency (job);";

/* Models: names, their revisions, the revisions' files, the files' bytes. */
static const char models_sql[] =
    "CREATE TABLE blobs ("
    "  sha256 TEXT PRIMARY KEY,"
    "  size INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE revisions ("
    "  revision TEXT PRIMARY KEY,"
    "  created INTEGER NOT NULL,"
    "  bytes INTEGER NOT NULL,"
    "  provenance TEXT"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE files ("
    "  revision TEXT NOT NULL REFERENCES revisions ON DELETE CASCADE,"
    "  name TEXT NOT NULL,"
    "  size INTEGER NOT NULL,"
    "  sha256 TEXT NOT NULL REFERENCES blobs,"
    "  PRIMARY KEY (revision, name)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX files_by_blob ON files (sha256);"
    "CREATE TABLE models ("
    "  name TEXT NOT NULL,"
    "  revision TEXT NOT NULL REFERENCES revisions,"
    "  published INTEGER NOT NULL,"
    "  number INTEGER NOT NULL," /* the highest one is main */
    "  PRIMARY KEY (name, revision)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX models_by_revision ON models (revision);"
    "CREATE UNIQUE INDEX models_by_number ON models (name, number);"
    "CREATE TABLE results ("
    "  key TEXT PRIMARY KEY,"
    "  revision TEXT NOT NULL REFERENCES revisions ON DELETE CASCADE"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX results_by_revision ON results (revision);";

/*
 * Uploads, in seconds since 1970. An upload is ready when the folder of its
 * files is there. blobs are ids with blanks between them.
 */
static const char uploads_sql[] =
    "CREATE TABLE uploads ("
    "  id TEXT PRIMARY KEY,"
    "  created INTEGER NOT NULL,"
    "  touched INTEGER NOT NULL,"
    "  files INTEGER NOT NULL DEFAULT 0,"
    "  bytes INTEGER NOT NULL DEFAULT 0,"
    "  ready INTEGER NOT NULL DEFAULT 0,"
    "  unpacked INTEGER NOT NULL DEFAULT 0"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX uploads_by_touch ON uploads (touched);"
    "CREATE INDEX uploads_by_ready ON uploads (id) WHERE ready = 1;"
    "CREATE TABLE upload_files ("
    "  id TEXT PRIMARY KEY,"
    "  upload TEXT NOT NULL REFERENCES uploads,"
    "  path TEXT NOT NULL,"
    "  metadata TEXT,"
    "  concat TEXT,"
    "  length INTEGER," /* NULL: not told yet */
    "  offset INTEGER NOT NULL,"
    "  partial INTEGER NOT NULL,"
    "  complete INTEGER NOT NULL,"
    "  created INTEGER NOT NULL,"
    "  blobs TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX upload_files_by_path ON upload_files (upload, path, id);"
    "CREATE UNIQUE INDEX upload_files_complete ON upload_files (upload, path)"
    "  WHERE complete = 1;"
    "CREATE INDEX upload_files_unfinished ON upload_files (id)"
    "  WHERE complete = 0;";

/*
 * Uploads that live as long as a job needs them, what identifies an upload's
 * bytes where that is known, and jobs by their end, to forget old ones.
 */
static const char lifetimes_sql[] =
    "ALTER TABLE uploads ADD COLUMN transient INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE uploads ADD COLUMN digest TEXT;"
    "CREATE INDEX uploads_transient ON uploads (id) WHERE transient = 1;"
    "CREATE INDEX jobs_by_end ON jobs (finished) WHERE finished > 0;";

static const char *const migrations[] = { jobs_sql, models_sql, uploads_sql,
                                          lifetimes_sql };

const struct db_schema db_schema = {
    .migrations = migrations,
    .count = sizeof migrations / sizeof *migrations,
};
