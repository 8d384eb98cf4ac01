/*
 * Uploads as a whole in the database, and lists over all of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uploads/table_impl.h"

static int too_many(const char *what, uint64_t max, struct error *err)
{
    error_set(err, ERR_LIMIT, "there are too many %s", what);
    return error_expected(err, "at most %llu", (unsigned long long)max);
}

/* Reads files and unpacked of an upload; *found tells whether it is there. */
static int look_up(struct db_tx *tx, const char *id, uint64_t *files,
                   bool *unpacked, bool *found, struct error *err)
{
    struct db_query q;

    db_query(tx, &q, "SELECT files, unpacked FROM uploads WHERE id = ?");
    db_bind_text(&q, id);
    *found = db_row(&q);
    if (*found) {
        *files = db_u64(&q, 0);
        *unpacked = db_u64(&q, 1) != 0;
    }
    return db_finish(&q, err);
}

static int insert_upload(struct db_tx *tx, const char *id, int64_t now,
                         const struct uploads_limits *limits, struct error *err)
{
    struct db_query q;
    uint64_t uploads = 0;
    int rc;

    db_query(tx, &q, "SELECT count(*) FROM uploads");
    if (db_row(&q))
        uploads = db_u64(&q, 0);
    rc = db_finish(&q, err);
    if (rc)
        return rc;
    if (limits->uploads && uploads >= limits->uploads)
        return too_many("uploads", limits->uploads, err);
    db_query(tx, &q,
             "INSERT INTO uploads (id, created, touched) VALUES (?, ?, ?)");
    db_bind_text(&q, id);
    db_bind_u64(&q, (uint64_t)now);
    db_bind_u64(&q, (uint64_t)now);
    return db_run(&q, err);
}

int table_make_upload(struct db_tx *tx, const char *id, int64_t now,
                      const struct uploads_limits *limits, struct error *err)
{
    uint64_t files = 0;
    bool unpacked = false;
    bool found = false;
    int rc = look_up(tx, id, &files, &unpacked, &found, err);

    if (rc)
        return rc;
    if (!found)
        return insert_upload(tx, id, now, limits, err);
    if (unpacked)
        return error_set(err, ERR_IN_USE,
                         "the upload %s was unpacked and is closed", id);
    if (limits->entries && files >= limits->entries)
        return too_many("files in the upload", limits->entries, err);
    return 0;
}

int table_count(struct db_tx *tx, const char *upload, int64_t files,
                int64_t bytes, int64_t touched, struct error *err)
{
    struct db_query q;

    /* Parameters are not negative: what goes and what comes have their own. */
    db_query(tx, &q,
             "UPDATE uploads SET files = files + ? - ?, bytes = bytes + ? - ?,"
             " touched = max(touched, ?) WHERE id = ?");
    db_bind_u64(&q, files > 0 ? (uint64_t)files : 0);
    db_bind_u64(&q, files < 0 ? (uint64_t)-files : 0);
    db_bind_u64(&q, bytes > 0 ? (uint64_t)bytes : 0);
    db_bind_u64(&q, bytes < 0 ? (uint64_t)-bytes : 0);
    db_bind_u64(&q, (uint64_t)touched);
    db_bind_text(&q, upload);
    return db_run(&q, err);
}

int table_drop_empty(struct db_tx *tx, const char *upload, struct error *err)
{
    struct db_query q;

    db_query(tx, &q, "DELETE FROM uploads WHERE id = ? AND files = 0");
    db_bind_text(&q, upload);
    return db_run(&q, err);
}

#define SELECT_UPLOAD                                                          \
    "SELECT id, files, bytes, created, touched, unpacked, ready, transient,"   \
    " digest, (SELECT count(*) FROM upload_files f"                            \
    "  WHERE f.upload = uploads.id AND f.complete = 1) FROM uploads "

static void read_upload(const struct db_query *q, struct uploads_info *out,
                        bool *ready)
{
    const char *id = db_text(q, 0);
    size_t len = id ? strnlen(id, UPLOADS_ID_MAX) : 0;
    const char *digest = db_text(q, 8);

    *out = (struct uploads_info){ .files = db_u64(q, 1),
                                  .bytes = db_u64(q, 2),
                                  .created = (int64_t)db_u64(q, 3),
                                  .touched = (int64_t)db_u64(q, 4),
                                  .unpacked = db_u64(q, 5) != 0,
                                  .transient = db_u64(q, 7) != 0,
                                  .complete = db_u64(q, 9) };
    if (id)
        memcpy(out->id, id, len);
    if (digest)
        snprintf(out->digest, sizeof out->digest, "%s", digest);
    if (ready)
        *ready = db_u64(q, 6) != 0;
}

int table_upload(struct db *db, const char *id, struct uploads_info *out,
                 bool *ready, struct error *err)
{
    struct db_tx *tx;
    struct db_query q;
    bool found;
    int rc = db_begin(db, DB_READ, &tx, err);

    if (rc)
        return rc;
    db_query(tx, &q, SELECT_UPLOAD "WHERE id = ?");
    db_bind_text(&q, id);
    found = db_row(&q);
    if (found)
        read_upload(&q, out, ready);
    rc = db_end(tx, db_finish(&q, err), err);
    if (rc || found)
        return rc;
    return error_set(err, ERR_NOT_FOUND, "there is no upload %.64s", id);
}

int table_list(struct db *db, const char *after, unsigned max,
               uploads_info_fn fn, void *ctx, struct error *err)
{
    struct uploads_info *page = calloc(max ? max : 1, sizeof *page);
    struct db_tx *tx;
    struct db_query q;
    unsigned n = 0;
    int rc = page ? db_begin(db, DB_READ, &tx, err) : error_memory(err);

    if (rc) {
        free(page);
        return rc;
    }
    db_query(tx, &q, SELECT_UPLOAD "WHERE id > ? ORDER BY id LIMIT ?");
    db_bind_text(&q, after);
    db_bind_u64(&q, max);
    for (; n < max && db_row(&q); n++)
        read_upload(&q, &page[n], NULL);
    rc = db_end(tx, db_finish(&q, err), err);
    for (unsigned i = 0; !rc && i < n; i++)
        rc = fn(ctx, &page[i], err);
    free(page);
    return rc;
}

/* The blobs of all files of an upload. */
static int collect_blobs(struct db_tx *tx, const char *upload,
                         struct id_list *freed, struct error *err)
{
    struct db_query q;
    int rc;

    db_query(tx, &q, "SELECT blobs FROM upload_files WHERE upload = ?");
    db_bind_text(&q, upload);
    while (db_row(&q))
        id_list_split(freed, db_text(&q, 0));
    rc = db_finish(&q, err);
    return !rc && freed->failed ? error_memory(err) : rc;
}

/* Runs a statement whose one parameter is an upload's id. */
static int run_on(struct db_tx *tx, const char *sql, const char *upload,
                  struct error *err)
{
    struct db_query q;

    db_query(tx, &q, sql);
    db_bind_text(&q, upload);
    return db_run(&q, err);
}

int table_delete_upload(struct db *db, const char *id, struct id_list *freed,
                        struct error *err)
{
    struct db_tx *tx;
    size_t before = freed->count;
    int rc = db_begin(db, DB_WRITE, &tx, err);

    if (rc)
        return rc;
    rc = collect_blobs(tx, id, freed, err);
    if (!rc)
        rc = run_on(tx, "DELETE FROM upload_files WHERE upload = ?", id, err);
    if (!rc)
        rc = run_on(tx, "DELETE FROM uploads WHERE id = ?", id, err);
    rc = db_end(tx, rc, err);
    if (rc)
        freed->count = before;
    return rc;
}

int table_set_ready(struct db *db, const char *upload, bool ready,
                    struct error *err)
{
    struct db_tx *tx;
    struct db_query q;
    int rc = db_begin(db, DB_WRITE, &tx, err);

    if (rc)
        return rc;
    db_query(tx, &q, "UPDATE uploads SET ready = ? WHERE id = ?");
    db_bind_u64(&q, ready);
    db_bind_text(&q, upload);
    return db_end(tx, db_run(&q, err), err);
}

int table_set_unpacked(struct db *db, const char *upload, uint64_t bytes,
                       struct id_list *freed, struct error *err)
{
    struct db_tx *tx;
    struct db_query q;
    size_t before = freed->count;
    int rc = db_begin(db, DB_WRITE, &tx, err);

    if (rc)
        return rc;
    rc = collect_blobs(tx, upload, freed, err);
    if (!rc)
        rc = run_on(tx, "UPDATE upload_files SET blobs = '' WHERE upload = ?",
                    upload, err);
    if (!rc) {
        db_query(tx, &q,
                 "UPDATE uploads SET ready = 1, unpacked = 1, bytes = ?"
                 " WHERE id = ?");
        db_bind_u64(&q, bytes);
        db_bind_text(&q, upload);
        rc = db_run(&q, err);
    }
    rc = db_end(tx, rc, err);
    if (rc)
        freed->count = before;
    return rc;
}

/* Its one file stands for all of them, as that of an unpacked archive does. */
static int insert_adopted_file(struct db_tx *tx, const char *upload,
                               uint64_t bytes, int64_t now, struct error *err)
{
    struct db_query q;

    db_query(tx, &q,
             "INSERT INTO upload_files (id, upload, path, length, offset,"
             " partial, complete, created, blobs)"
             " VALUES (?, ?, 'upload', ?, ?, 0, 1, ?, '')");
    db_bind_text(&q, upload);
    db_bind_text(&q, upload);
    db_bind_u64(&q, bytes);
    db_bind_u64(&q, bytes);
    db_bind_u64(&q, (uint64_t)now);
    return db_run(&q, err);
}

int table_adopt(struct db *db, const char *upload, uint64_t bytes,
                const char *digest, int64_t now,
                const struct uploads_limits *limits, struct error *err)
{
    struct db_tx *tx;
    struct db_query q;
    int rc = db_begin(db, DB_WRITE, &tx, err);

    if (rc)
        return rc;
    rc = table_make_upload(tx, upload, now, limits, err);
    if (!rc)
        rc = insert_adopted_file(tx, upload, bytes, now, err);
    if (!rc) {
        db_query(tx, &q,
                 "UPDATE uploads SET files = 1, bytes = ?, ready = 1,"
                 " unpacked = 1, transient = 1, digest = ? WHERE id = ?");
        db_bind_u64(&q, bytes);
        db_bind_text(&q, digest);
        db_bind_text(&q, upload);
        rc = db_run(&q, err);
    }
    return db_end(tx, rc, err);
}

int table_touch(struct db *db, const char *upload, int64_t now,
                struct error *err)
{
    struct db_tx *tx;
    int rc = db_begin(db, DB_WRITE, &tx, err);

    return rc ? rc : db_end(tx, table_count(tx, upload, 0, 0, now, err), err);
}

/* All ids that a query gives in its first column. */
static int collect(struct db_tx *tx, struct db_query *q, struct id_list *out,
                   struct error *err)
{
    int rc;

    while (db_row(q))
        id_list_split(out, db_text(q, 0));
    rc = db_finish(q, err);
    if (!rc && out->failed)
        rc = error_memory(err);
    return db_end(tx, rc, err);
}

int table_expired(struct db *db, int64_t before, unsigned max,
                  struct id_list *out, struct error *err)
{
    struct db_tx *tx;
    struct db_query q;
    int rc = db_begin(db, DB_READ, &tx, err);

    if (rc)
        return rc;
    db_query(tx, &q,
             "SELECT id FROM uploads WHERE touched < ? ORDER BY touched"
             " LIMIT ?");
    db_bind_u64(&q, before > 0 ? (uint64_t)before : 0);
    db_bind_u64(&q, max);
    return collect(tx, &q, out, err);
}

int table_transient(struct db *db, struct id_list *out, struct error *err)
{
    struct db_tx *tx;
    struct db_query q;
    int rc = db_begin(db, DB_READ, &tx, err);

    if (rc)
        return rc;
    db_query(tx, &q, "SELECT id FROM uploads WHERE transient = 1");
    return collect(tx, &q, out, err);
}

int table_blobs(struct db *db, struct id_list *out, struct error *err)
{
    struct db_tx *tx;
    struct db_query q;
    int rc = db_begin(db, DB_READ, &tx, err);

    if (rc)
        return rc;
    db_query(tx, &q, "SELECT blobs FROM upload_files");
    return collect(tx, &q, out, err);
}

int table_ready(struct db *db, struct id_list *out, struct error *err)
{
    struct db_tx *tx;
    struct db_query q;
    int rc = db_begin(db, DB_READ, &tx, err);

    if (rc)
        return rc;
    db_query(tx, &q, "SELECT id FROM uploads WHERE ready = 1");
    return collect(tx, &q, out, err);
}

int table_bytes(struct db *db, uint64_t *out, struct error *err)
{
    struct db_tx *tx;
    struct db_query q;
    int rc = db_begin(db, DB_READ, &tx, err);

    if (rc)
        return rc;
    *out = 0;
    db_query(tx, &q, "SELECT coalesce(sum(bytes), 0) FROM uploads");
    if (db_row(&q))
        *out = db_u64(&q, 0);
    return db_end(tx, db_finish(&q, err), err);
}
