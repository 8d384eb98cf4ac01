/*
 * What the two files of the tables share.
 */
#ifndef SWITCHYARD_UPLOADS_TABLE_IMPL_H
#define SWITCHYARD_UPLOADS_TABLE_IMPL_H

#include "jobs/db.h"
#include "uploads/table.h"

/* Columns as table_read_file() wants them. */
#define TABLE_SELECT_FILE                                                      \
    "SELECT f.id, f.upload, f.path, f.metadata, f.concat, "                    \
    "coalesce(f.length, -1), f.offset, f.partial, f.complete, f.created, "     \
    "u.touched, f.blobs FROM upload_files f JOIN uploads u ON u.id = f.upload "

int table_read_file(const struct db_query *q, struct table_file *out,
                    struct error *err);

/* Makes the upload if it is not there, and marks it as touched. */
int table_make_upload(struct db_tx *tx, const char *id, int64_t now,
                      const struct uploads_limits *limits, struct error *err);

/* Adds to an upload's counts; negative numbers as well. */
int table_count(struct db_tx *tx, const char *upload, int64_t files,
                int64_t bytes, int64_t touched, struct error *err);

/* Removes an upload that has no files left. */
int table_drop_empty(struct db_tx *tx, const char *upload, struct error *err);

#endif
