/*
 * The catalogue of models in SQLite. A function is one statement, or the few
 * that make one change.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "jobs/models_backend.h"

struct sqlite_models {
    struct models_backend base;
    struct db *db;
};

static int sqlite_begin(struct models_backend *b, enum db_mode mode,
                        struct db_tx **tx, struct error *err)
{
    return db_begin(((struct sqlite_models *)b)->db, mode, tx, err);
}

static int sqlite_end(struct models_backend *b, struct db_tx *tx, int rc,
                      struct error *err)
{
    (void)b;
    return db_end(tx, rc, err);
}

/* Ends a query whose rows were used; a failure to use them comes first. */
static int finish(struct db_query *q, int rc, struct error *err)
{
    int failed = db_finish(q, rc ? NULL : err);

    return rc ? rc : failed;
}

/* The columns that row_to_model() reads; m is models, r revisions. */
#define COLUMNS "m.name, m.revision, m.published, r.bytes "

static struct stored_model *row_to_model(const struct db_query *q)
{
    struct stored_model *model = stored_new();

    if (!model)
        return NULL;
    snprintf(model->name, sizeof model->name, "%s", db_text(q, 0));
    snprintf(model->revision, sizeof model->revision, "%s", db_text(q, 1));
    model->published = db_u64(q, 2);
    model->bytes = db_u64(q, 3);
    return model;
}

static int load_provenance(struct db_tx *tx, struct stored_model *model,
                           struct error *err)
{
    struct db_query q;
    int rc = 0;

    db_query(tx, &q, "SELECT provenance FROM revisions WHERE revision = ?");
    db_bind_text(&q, model->revision);
    if (db_row(&q) && db_text(&q, 0)) {
        model->provenance = strdup(db_text(&q, 0));
        if (!model->provenance)
            rc = error_memory(err);
    }
    return finish(&q, rc, err);
}

static int load_files(struct db_tx *tx, struct stored_model *model,
                      struct error *err)
{
    struct db_query q;
    int rc = 0;

    db_query(tx, &q,
             "SELECT name, size, sha256 FROM files WHERE revision = ?"
             " ORDER BY name");
    db_bind_text(&q, model->revision);
    while (!rc && db_row(&q))
        rc = stored_add(model, db_text(&q, 0), db_u64(&q, 1), db_text(&q, 2),
                        err);
    return finish(&q, rc, err);
}

static int sqlite_get(struct models_backend *b, struct db_tx *tx,
                      const char *name, const char *revision,
                      struct stored_model **out, struct error *err)
{
    struct stored_model *model = NULL;
    struct db_query q;
    int rc = 0;

    (void)b;
    if (revision) {
        db_query(tx, &q,
                 "SELECT " COLUMNS "FROM models m JOIN revisions r"
                 " USING (revision) WHERE m.name = ? AND m.revision = ?");
        db_bind_text(&q, name);
        db_bind_text(&q, revision);
    } else {
        db_query(tx, &q,
                 "SELECT " COLUMNS "FROM models m JOIN revisions r"
                 " USING (revision) WHERE m.name = ?"
                 " ORDER BY m.number DESC LIMIT 1");
        db_bind_text(&q, name);
    }
    if (db_row(&q)) {
        model = row_to_model(&q);
        if (!model)
            rc = error_memory(err);
    }
    rc = finish(&q, rc, err);
    if (!rc && model)
        rc = load_files(tx, model, err);
    if (!rc && model)
        rc = load_provenance(tx, model, err);
    if (rc)
        stored_unref(model);
    else
        *out = model;
    return rc;
}

static int sqlite_result(struct models_backend *b, struct db_tx *tx,
                         const char *key,
                         char revision[STORED_REVISION_LEN + 1],
                         struct error *err)
{
    struct db_query q;

    (void)b;
    db_query(tx, &q, "SELECT revision FROM results WHERE key = ?");
    db_bind_text(&q, key);
    if (db_row(&q))
        snprintf(revision, STORED_REVISION_LEN + 1, "%s", db_text(&q, 0));
    return db_finish(&q, err);
}

static int take_rows(struct db_query *q, struct stored_list *out,
                     struct error *err)
{
    int rc = 0;

    while (!rc && db_row(q))
        rc = stored_list_add_steal(out, row_to_model(q), err);
    return finish(q, rc, err);
}

static int sqlite_list(struct models_backend *b, struct db_tx *tx,
                       const char *owner, const char *after, size_t limit,
                       struct stored_list *out, struct error *err)
{
    struct buf first = BUF_INIT(1024);
    struct buf end = BUF_INIT(1024);
    struct db_query q;
    int rc;

    (void)b;
    /* '0' comes right after '/'; '~' after all that names hold. */
    buf_printf(&first, "%s%s", owner ? owner : "", owner ? "/" : "");
    buf_printf(&end, "%s%s", owner ? owner : "", owner ? "0" : "~");
    if (!buf_str(&first) || !buf_str(&end)) {
        rc = error_memory(err);
    } else {
        db_query(tx, &q,
                 "SELECT " COLUMNS "FROM models m JOIN revisions r"
                 " USING (revision) WHERE m.name >= ? AND m.name < ?"
                 " AND m.name > ? AND m.number ="
                 " (SELECT max(number) FROM models WHERE name = m.name)"
                 " ORDER BY m.name LIMIT ?");
        db_bind_text(&q, buf_str(&first));
        db_bind_text(&q, buf_str(&end));
        db_bind_text(&q, after ? after : "");
        db_bind_u64(&q, limit);
        rc = take_rows(&q, out, err);
    }
    buf_done(&first);
    buf_done(&end);
    return rc;
}

static int sqlite_revisions(struct models_backend *b, struct db_tx *tx,
                            const char *name, struct stored_list *out,
                            struct error *err)
{
    struct db_query q;

    (void)b;
    db_query(tx, &q,
             "SELECT " COLUMNS "FROM models m JOIN revisions r"
             " USING (revision) WHERE m.name = ? ORDER BY m.number DESC");
    db_bind_text(&q, name);
    return take_rows(&q, out, err);
}

static int sqlite_has_blob(struct models_backend *b, struct db_tx *tx,
                           const char *sha256, bool *out, struct error *err)
{
    struct db_query q;

    (void)b;
    db_query(tx, &q, "SELECT 1 FROM blobs WHERE sha256 = ?");
    db_bind_text(&q, sha256);
    *out = db_row(&q);
    return db_finish(&q, err);
}

static int sqlite_total(struct models_backend *b, struct db_tx *tx,
                        uint64_t *bytes, struct error *err)
{
    struct db_query q;

    (void)b;
    *bytes = 0;
    db_query(tx, &q, "SELECT sum(size) FROM blobs");
    if (db_row(&q))
        *bytes = db_u64(&q, 0);
    return db_finish(&q, err);
}

static int add_file(struct db_tx *tx, const char *revision,
                    const struct stored_file *f, struct error *err)
{
    struct db_query q;
    int rc;

    db_query(tx, &q,
             "INSERT INTO blobs (sha256, size) VALUES (?, ?)"
             " ON CONFLICT DO NOTHING");
    db_bind_text(&q, f->sha256);
    db_bind_u64(&q, f->size);
    rc = db_run(&q, err);
    if (rc)
        return rc;
    db_query(tx, &q,
             "INSERT INTO files (revision, name, size, sha256)"
             " VALUES (?, ?, ?, ?)");
    db_bind_text(&q, revision);
    db_bind_text(&q, f->name);
    db_bind_u64(&q, f->size);
    db_bind_text(&q, f->sha256);
    return db_run(&q, err);
}

static int sqlite_add(struct models_backend *b, struct db_tx *tx,
                      const struct stored_model *model, struct error *err)
{
    struct db_query q;
    int rc;

    (void)b;
    db_query(tx, &q,
             "INSERT INTO revisions (revision, created, bytes, provenance)"
             " VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING");
    db_bind_text(&q, model->revision);
    db_bind_u64(&q, model->published);
    db_bind_u64(&q, model->bytes);
    db_bind_text(&q, model->provenance);
    rc = db_run(&q, err);
    if (rc || db_changes(tx) == 0)
        return rc;
    for (size_t i = 0; !rc && i < model->file_count; i++)
        rc = add_file(tx, model->revision, &model->files[i], err);
    return rc;
}

static int sqlite_link(struct models_backend *b, struct db_tx *tx,
                       const char *name, const char *revision, uint64_t now,
                       struct error *err)
{
    struct db_query q;

    (void)b;
    db_query(tx, &q,
             "INSERT INTO models (name, revision, published, number)"
             " SELECT ?1, ?2, ?3, 1 + coalesce(max(number), 0) FROM models"
             "  WHERE name = ?1"
             " ON CONFLICT (name, revision) DO UPDATE SET"
             "  published = excluded.published, number = excluded.number"
             "  WHERE number + 1 < excluded.number");
    db_bind_text(&q, name);
    db_bind_text(&q, revision);
    db_bind_u64(&q, now);
    return db_run(&q, err);
}

static int sqlite_set_result(struct models_backend *b, struct db_tx *tx,
                             const char *key, const char *revision,
                             struct error *err)
{
    struct db_query q;

    (void)b;
    db_query(tx, &q,
             "INSERT INTO results (key, revision) VALUES (?, ?)"
             " ON CONFLICT (key) DO UPDATE SET revision = excluded.revision");
    db_bind_text(&q, key);
    db_bind_text(&q, revision);
    return db_run(&q, err);
}

static int sqlite_unlink(struct models_backend *b, struct db_tx *tx,
                         const char *name, const char *revision, bool *found,
                         struct error *err)
{
    struct db_query q;
    int rc;

    (void)b;
    if (revision) {
        db_query(tx, &q, "DELETE FROM models WHERE name = ? AND revision = ?");
        db_bind_text(&q, name);
        db_bind_text(&q, revision);
    } else {
        db_query(tx, &q, "DELETE FROM models WHERE name = ?");
        db_bind_text(&q, name);
    }
    rc = db_run(&q, err);
    *found = !rc && db_changes(tx) > 0;
    return rc;
}

static int sqlite_sweep(struct models_backend *b, struct db_tx *tx,
                        models_blob_fn fn, void *ctx, struct error *err)
{
    struct db_query q;
    int rc;

    (void)b;
    db_query(tx, &q,
             "DELETE FROM revisions WHERE NOT EXISTS"
             " (SELECT 1 FROM models WHERE revision = revisions.revision)");
    rc = db_run(&q, err);
    if (rc)
        return rc;
    db_query(tx, &q,
             "DELETE FROM blobs WHERE NOT EXISTS"
             " (SELECT 1 FROM files WHERE sha256 = blobs.sha256)"
             " RETURNING sha256, size");
    while (!rc && db_row(&q))
        rc = fn(ctx, db_text(&q, 0), db_u64(&q, 1), err);
    return finish(&q, rc, err);
}

static void sqlite_free(struct models_backend *b)
{
    free(b);
}

static const struct models_backend_ops sqlite_ops = {
    .begin = sqlite_begin,
    .end = sqlite_end,
    .get = sqlite_get,
    .result = sqlite_result,
    .list = sqlite_list,
    .revisions = sqlite_revisions,
    .has_blob = sqlite_has_blob,
    .total = sqlite_total,
    .add = sqlite_add,
    .link = sqlite_link,
    .set_result = sqlite_set_result,
    .unlink = sqlite_unlink,
    .sweep = sqlite_sweep,
    .free = sqlite_free,
};

int models_open_sqlite(struct db *db, const struct models_config *config,
                       struct models **out, struct error *err)
{
    struct sqlite_models *s = calloc(1, sizeof *s);

    if (!s)
        return error_memory(err);
    s->base.ops = &sqlite_ops;
    s->db = db;
    return models_open_steal(&s->base, db_folder(db), config, out, err);
}
