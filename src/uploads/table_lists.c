/*
 * Lists: of ids, and of files page by page.
 *
 * A page is read whole and its transaction ended before anybody hears of its
 * rows, so that who hears may use the database and take locks.
 */
#include <stdlib.h>
#include <string.h>

#include "uploads/table_impl.h"

void id_list_add(struct id_list *l, const char *id, size_t len)
{
    if (l->count == l->room && !l->failed) {
        size_t room = l->room ? 2 * l->room : 16;
        void *grown = realloc(l->ids, room * sizeof *l->ids);

        l->failed = !grown;
        if (grown) {
            l->ids = grown;
            l->room = room;
        }
    }
    if (l->failed || len > UPLOADS_ID_MAX)
        return;
    memcpy(l->ids[l->count], id, len);
    l->ids[l->count++][len] = '\0';
}

void id_list_done(struct id_list *l)
{
    free(l->ids);
    *l = (struct id_list){ .count = 0 };
}

void id_list_split(struct id_list *l, const char *text)
{
    for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
        size_t len = strcspn(text, " ");

        id_list_add(l, text, len);
        text += len;
    }
}

/* Rows of a page, read before anybody hears of them. */
struct page {
    struct table_file *rows;
    size_t count;
};

static int read_page(struct db_query *q, unsigned max, struct page *out,
                     struct error *err)
{
    struct page p = { calloc(max ? max : 1, sizeof *p.rows), 0 };
    int rc = p.rows ? 0 : error_memory(err);
    int failed;

    while (!rc && p.count < max && db_row(q)) {
        rc = table_read_file(q, &p.rows[p.count], err);
        p.count += !rc;
    }
    failed = db_finish(q, rc ? NULL : err);
    *out = p;
    return rc ? rc : failed;
}

/* fn may use the database: it is called after the transaction. */
static int tell_page(struct db_tx *tx, struct db_query *q, unsigned max,
                     table_file_fn fn, void *ctx, struct error *err)
{
    struct page p = { NULL, 0 };
    int rc = db_end(tx, read_page(q, max, &p, err), err);

    for (size_t i = 0; i < p.count; i++) {
        if (!rc)
            rc = fn(ctx, &p.rows[i], err);
        table_file_done(&p.rows[i]);
    }
    free(p.rows);
    return rc;
}

int table_files(struct db *db, const char *upload, const char *after,
                unsigned max, table_file_fn fn, void *ctx, struct error *err)
{
    struct db_tx *tx;
    struct db_query q;
    int rc = db_begin(db, DB_READ, &tx, err);

    if (rc)
        return rc;
    db_query(tx, &q,
             TABLE_SELECT_FILE "WHERE f.upload = ? AND f.path > ?"
                               " ORDER BY f.path, f.id LIMIT ?");
    db_bind_text(&q, upload);
    db_bind_text(&q, after);
    db_bind_u64(&q, max);
    return tell_page(tx, &q, max, fn, ctx, err);
}

int table_incomplete(struct db *db, const char *after, unsigned max,
                     table_file_fn fn, void *ctx, struct error *err)
{
    struct db_tx *tx;
    struct db_query q;
    int rc = db_begin(db, DB_READ, &tx, err);

    if (rc)
        return rc;
    db_query(tx, &q,
             TABLE_SELECT_FILE "WHERE f.complete = 0 AND f.id > ?"
                               " ORDER BY f.id LIMIT ?");
    db_bind_text(&q, after);
    db_bind_u64(&q, max);
    return tell_page(tx, &q, max, fn, ctx, err);
}
