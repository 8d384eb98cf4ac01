/*
 * Files of uploads in the database.
 *
 * upload_files has one row for each tus resource or put file; path is unique
 * among the complete ones of an upload. The counts in uploads (files, bytes)
 * are kept in the same transactions, so that limits cost no scan.
 */
#include "uploads/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "store/store.h"
#include "uploads/table_impl.h"

enum { BLOBS_TEXT_MAX = 1 << 20 };

void table_file_done(struct table_file *f)
{
    uploads_file_done(&f->file);
    free(f->blobs);
    f->blobs = NULL;
}

static bool copy_text(const struct db_query *q, int column, char **out)
{
    const char *text = db_text(q, column);

    *out = text ? strdup(text) : NULL;
    return !text || *out;
}

static void copy_id(const struct db_query *q, int column,
                    char id[UPLOADS_ID_MAX + 1])
{
    const char *text = db_text(q, column);
    size_t len = text ? strnlen(text, UPLOADS_ID_MAX) : 0;

    if (text)
        memcpy(id, text, len);
    id[len] = '\0';
}

int table_read_file(const struct db_query *q, struct table_file *out,
                    struct error *err)
{
    struct table_file f = { .file = { .length = db_u64(q, 5),
                                      .offset = db_u64(q, 6),
                                      .partial = db_u64(q, 7) != 0,
                                      .complete = db_u64(q, 8) != 0,
                                      .created = (int64_t)db_u64(q, 9),
                                      .expires = (int64_t)db_u64(q, 10) } };

    copy_id(q, 0, f.file.id);
    copy_id(q, 1, f.file.upload);
    if (!copy_text(q, 2, &f.file.path) || !copy_text(q, 3, &f.file.metadata) ||
        !copy_text(q, 4, &f.file.concat) || !copy_text(q, 11, &f.blobs)) {
        table_file_done(&f);
        return error_memory(err);
    }
    *out = f;
    return 0;
}

static int not_found(const char *id, struct error *err)
{
    return error_set(err, ERR_NOT_FOUND, "there is no upload %.64s", id);
}

/* The one row of a query that selects files; *found tells whether there is. */
static int read_one(struct db_query *q, struct table_file *out, bool *found,
                    struct error *err)
{
    int rc = 0;
    int failed;

    *found = false;
    if (db_row(q)) {
        rc = table_read_file(q, out, err);
        *found = !rc;
    }
    failed = db_finish(q, rc ? NULL : err);
    if (failed && *found) {
        table_file_done(out);
        *found = false;
    }
    return rc ? rc : failed;
}

static int read_by_id(struct db_tx *tx, const char *id, struct table_file *out,
                      struct error *err)
{
    struct db_query q;
    bool found = false;
    int rc;

    db_query(tx, &q, TABLE_SELECT_FILE "WHERE f.id = ?");
    db_bind_text(&q, id);
    rc = read_one(&q, out, &found, err);
    return rc || found ? rc : not_found(id, err);
}

int table_file(struct db *db, const char *id, struct table_file *out,
               struct error *err)
{
    struct db_tx *tx;
    int rc = db_begin(db, DB_READ, &tx, err);

    return rc ? rc : db_end(tx, read_by_id(tx, id, out, err), err);
}

int table_find(struct db *db, const char *upload, const char *path,
               struct table_file *out, struct error *err)
{
    struct db_tx *tx;
    struct db_query q;
    bool found = false;
    int rc = db_begin(db, DB_READ, &tx, err);

    if (rc)
        return rc;
    db_query(tx, &q,
             TABLE_SELECT_FILE
             "WHERE f.upload = ? AND f.path = ? AND f.complete = 1");
    db_bind_text(&q, upload);
    db_bind_text(&q, path);
    rc = read_one(&q, out, &found, err);
    if (!rc && !found) {
        rc = error_set(err, ERR_NOT_FOUND,
                       "the upload %.64s has no file %.200s", upload, path);
        error_subject(err, "%.200s", path);
    }
    return db_end(tx, rc, err);
}

/* Whether a statement that was bound gives a row. */
static int exists(struct db_query *q, bool *out, struct error *err)
{
    *out = db_row(q);
    return db_finish(q, err);
}

static int file_there(struct db_tx *tx, const char *upload, const char *path,
                      bool *out, struct error *err)
{
    struct db_query q;

    db_query(tx, &q,
             "SELECT 1 FROM upload_files WHERE upload = ? AND path = ?"
             " AND partial = 0");
    db_bind_text(&q, upload);
    db_bind_text(&q, path);
    return exists(&q, out, err);
}

static int files_below(struct db_tx *tx, const char *upload, char *path,
                       size_t len, bool *out, struct error *err)
{
    struct db_query q;

    db_query(tx, &q,
             "SELECT 1 FROM upload_files WHERE upload = ?"
             " AND path > ? AND path < ? AND partial = 0 LIMIT 1");
    db_bind_text(&q, upload);
    memcpy(path + len, "/", 2);
    db_bind_text(&q, path);
    memcpy(path + len, "0", 2); /* what comes after '/' */
    db_bind_text(&q, path);
    path[len] = '\0';
    return exists(&q, out, err);
}

/* No file may be a folder of another. */
static int check_path(struct db_tx *tx, const struct uploads_file *f,
                      struct error *err)
{
    char path[STORE_NAME_MAX + 2];
    size_t len = strlen(f->path);
    bool clash = false;
    int rc = 0;

    memcpy(path, f->path, len + 1);
    for (char *p = strchr(path, '/'); p && !rc && !clash;
         p = strchr(p + 1, '/')) {
        *p = '\0';
        rc = file_there(tx, f->upload, path, &clash, err);
        *p = '/';
    }
    if (!rc && !clash)
        rc = files_below(tx, f->upload, path, len, &clash, err);
    if (rc || !clash)
        return rc;
    error_set(err, ERR_PATH, "%.200s is both a file and a folder", f->path);
    return error_subject(err, "%.200s", f->path);
}

/* Removes other files of the same path: f is complete and takes their place. */
static int supersede(struct db_tx *tx, const struct uploads_file *f,
                     struct id_list *freed, struct error *err)
{
    struct db_query q;
    int64_t files = 0;
    int64_t bytes = 0;
    int rc;

    if (f->partial)
        return 0;
    db_query(tx, &q,
             "DELETE FROM upload_files WHERE upload = ? AND path = ?"
             " AND partial = 0 AND id <> ? RETURNING offset, blobs");
    db_bind_text(&q, f->upload);
    db_bind_text(&q, f->path);
    db_bind_text(&q, f->id);
    while (db_row(&q)) {
        files++;
        bytes += (int64_t)db_u64(&q, 0);
        id_list_split(freed, db_text(&q, 1));
    }
    rc = db_finish(&q, err);
    if (rc || files == 0)
        return rc;
    return table_count(tx, f->upload, -files, -bytes, 0, err);
}

static void bind_length(struct db_query *q, uint64_t length)
{
    if (length == UPLOADS_UNKNOWN)
        db_bind_text(q, NULL);
    else
        db_bind_u64(q, length);
}

static int insert_file(struct db_tx *tx, const struct table_file *f,
                       const struct uploads_limits *limits,
                       struct id_list *freed, struct error *err)
{
    const struct uploads_file *file = &f->file;
    struct db_query q;
    /* First what it replaces, which no longer counts against the limits. */
    int rc = file->complete ? supersede(tx, file, freed, err) : 0;

    if (!rc)
        rc = table_make_upload(tx, file->upload, file->created, limits, err);
    if (!rc && !file->partial)
        rc = check_path(tx, file, err);
    if (rc)
        return rc;
    db_query(tx, &q,
             "INSERT INTO upload_files (id, upload, path, metadata, concat,"
             " length, offset, partial, complete, created, blobs)"
             " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    db_bind_text(&q, file->id);
    db_bind_text(&q, file->upload);
    db_bind_text(&q, file->path);
    db_bind_text(&q, file->metadata);
    db_bind_text(&q, file->concat);
    bind_length(&q, file->length);
    db_bind_u64(&q, file->offset);
    db_bind_u64(&q, file->partial);
    db_bind_u64(&q, file->complete);
    db_bind_u64(&q, (uint64_t)file->created);
    db_bind_text(&q, f->blobs);
    rc = db_run(&q, err);
    return rc ? rc
              : table_count(tx, file->upload, 1, (int64_t)file->offset,
                            file->created, err);
}

int table_insert(struct db *db, const struct table_file *f,
                 const struct uploads_limits *limits, struct id_list *freed,
                 struct error *err)
{
    size_t before = freed->count;
    struct db_tx *tx;
    int rc = db_begin(db, DB_WRITE, &tx, err);

    if (rc)
        return rc;
    rc = db_end(tx, insert_file(tx, f, limits, freed, err), err);
    if (rc)
        freed->count = before; /* nothing was freed */
    return rc;
}

static int check_part(const struct table_file *part, struct error *err)
{
    const struct uploads_file *f = &part->file;

    if (!f->partial)
        return error_set(err, ERR_USAGE, "the upload %s is not a partial one",
                         f->id);
    if (f->complete)
        return 0;
    error_set(err, ERR_UNFINISHED_UPLOAD,
              "the partial upload %s is not finished", f->id);
    error_expected(err, "%lld bytes",
                   f->length == UPLOADS_UNKNOWN ? -1 : (long long)f->length);
    return error_actual(err, "%llu", (unsigned long long)f->offset);
}

static int delete_row(struct db_tx *tx, const struct uploads_file *f,
                      struct error *err)
{
    struct db_query q;
    int rc;

    db_query(tx, &q, "DELETE FROM upload_files WHERE id = ?");
    db_bind_text(&q, f->id);
    rc = db_run(&q, err);
    if (!rc)
        rc = table_count(tx, f->upload, -1, -(int64_t)f->offset, 0, err);
    return rc ? rc : table_drop_empty(tx, f->upload, err);
}

/* Takes one partial file's bytes over. */
static int take_part(struct db_tx *tx, const char *id, struct uploads_file *f,
                     struct buf *blobs, struct error *err)
{
    struct table_file part;
    int rc = read_by_id(tx, id, &part, err);

    if (rc)
        return rc;
    rc = check_part(&part, err);
    if (!rc && !num_add(f->length, part.file.offset, &f->length))
        rc = error_set(err, ERR_LIMIT, "the upload is too large");
    if (!rc)
        rc = delete_row(tx, &part.file, err);
    buf_printf(blobs, blobs->len ? " %s" : "%s", part.blobs);
    table_file_done(&part);
    return rc;
}

int table_concat(struct db *db, struct table_file *f, char *const *ids,
                 size_t count, const struct uploads_limits *limits,
                 struct id_list *freed, struct error *err)
{
    struct buf blobs = BUF_INIT(BLOBS_TEXT_MAX);
    struct db_tx *tx;
    size_t before = freed->count;
    int rc = db_begin(db, DB_WRITE, &tx, err);

    if (rc)
        return rc;
    f->file.length = 0;
    for (size_t i = 0; !rc && i < count; i++)
        rc = take_part(tx, ids[i], &f->file, &blobs, err);
    if (!rc)
        rc = buf_status(&blobs, err);
    if (!rc && limits->upload_bytes && f->file.length > limits->upload_bytes)
        rc = error_set(err, ERR_LIMIT, "the upload is larger than is allowed");
    if (!rc) {
        f->blobs = buf_take_str(&blobs);
        f->file.offset = f->file.length;
        rc = f->blobs ? insert_file(tx, f, limits, freed, err)
                      : error_memory(err);
    }
    rc = db_end(tx, rc, err);
    if (rc)
        freed->count = before;
    buf_done(&blobs);
    return rc;
}

static int update_offset(struct db_tx *tx, const struct uploads_file *f,
                         uint64_t offset, bool complete, struct error *err)
{
    struct db_query q;
    int rc;

    db_query(tx, &q,
             "UPDATE upload_files SET offset = ?, complete = ?, length = ?"
             " WHERE id = ?");
    db_bind_u64(&q, offset);
    db_bind_u64(&q, complete);
    bind_length(&q, f->length);
    db_bind_text(&q, f->id);
    rc = db_run(&q, err);
    return rc || db_changes(tx) == 1 ? rc : not_found(f->id, err);
}

static int advance(struct db_tx *tx, const struct uploads_file *f,
                   uint64_t offset, int64_t now, struct id_list *freed,
                   struct error *err)
{
    bool complete = offset == f->length;
    int rc = 0;

    if (complete)
        rc = supersede(tx, f, freed, err);
    if (!rc)
        rc = update_offset(tx, f, offset, complete, err);
    return rc ? rc
              : table_count(tx, f->upload, 0,
                            (int64_t)offset - (int64_t)f->offset, now, err);
}

int table_advance(struct db *db, struct uploads_file *f, uint64_t offset,
                  int64_t now, struct id_list *freed, struct error *err)
{
    struct db_tx *tx;
    size_t before = freed->count;
    int rc = db_begin(db, DB_WRITE, &tx, err);

    if (rc)
        return rc;
    rc = db_end(tx, advance(tx, f, offset, now, freed, err), err);
    if (rc) {
        freed->count = before;
        return rc;
    }
    f->offset = offset;
    f->complete = offset == f->length;
    return 0;
}

int table_set_length(struct db *db, const struct uploads_file *f, int64_t now,
                     struct id_list *freed, struct error *err)
{
    struct uploads_file copy = *f;

    return table_advance(db, &copy, f->offset, now, freed, err);
}

static int delete_file(struct db_tx *tx, const char *id, struct id_list *freed,
                       struct error *err)
{
    struct table_file f;
    int rc = read_by_id(tx, id, &f, err);

    if (rc)
        return rc;
    rc = delete_row(tx, &f.file, err);
    if (!rc)
        id_list_split(freed, f.blobs);
    table_file_done(&f);
    return rc;
}

int table_delete_file(struct db *db, const char *id, struct id_list *freed,
                      struct error *err)
{
    struct db_tx *tx;
    size_t before = freed->count;
    int rc = db_begin(db, DB_WRITE, &tx, err);

    if (rc)
        return rc;
    rc = db_end(tx, delete_file(tx, id, freed, err), err);
    if (rc)
        freed->count = before;
    return rc;
}
