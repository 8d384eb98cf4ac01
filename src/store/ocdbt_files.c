/*
 * The names of data files.
 *
 * Every node brings a table of the files that it refers to, each name given by
 * what it shares with the one before. Names come from whoever wrote the
 * database, so none is used before store_check_name() has seen it: it stays in
 * the database's folder. Of a node's names, which may be many, only those that
 * it refers to are kept, each once for the whole tree.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/ocdbt_impl.h"

/* Where text is in order, or would be. */
static size_t find_text(const struct ocdbt_texts *t, const char *text,
                        bool *found)
{
    size_t low = 0;
    size_t high = t->count;
    size_t middle;
    int cmp;

    *found = false;
    while (low < high && !*found) {
        middle = low + (high - low) / 2;
        cmp = strcmp(t->items[t->order[middle]], text);
        if (cmp == 0)
            *found = true;
        if (cmp < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return *found ? high : low;
}

static int make_room(struct ocdbt_texts *t, struct error *err)
{
    size_t cap = t->cap ? 2 * t->cap : 16;
    uint32_t *order;
    char **items;

    if (t->count == OCDBT_MAX_FILES)
        return error_set(err, ERR_LIMIT, "the database has too many files");
    if (t->count < t->cap)
        return 0;
    items = reallocarray(t->items, cap, sizeof *items);
    if (items)
        t->items = items;
    order = reallocarray(t->order, cap, sizeof *order);
    if (order)
        t->order = order;
    if (!items || !order)
        return error_memory(err);
    t->cap = cap;
    return 0;
}

int ocdbt_texts_add(struct ocdbt_texts *t, const char *text, uint32_t *number,
                    struct error *err)
{
    bool found = false;
    size_t at = find_text(t, text, &found);
    char *copy;
    int rc;

    if (found) {
        *number = t->order[at];
        return 0;
    }
    rc = make_room(t, err);
    if (rc)
        return rc;
    copy = strdup(text);
    if (!copy)
        return error_memory(err);
    memmove(t->order + at + 1, t->order + at,
            (t->count - at) * sizeof *t->order);
    *number = (uint32_t)t->count;
    t->order[at] = *number;
    t->items[t->count++] = copy;
    return 0;
}

void ocdbt_texts_done(struct ocdbt_texts *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->items[i]);
    free(t->items);
    free(t->order);
    *t = (struct ocdbt_texts){ 0 };
}

/* Appends the name that shares prefix bytes with the one before it. */
static int add_name(struct ocdbt_body *b, struct ocdbt_files *f, size_t i,
                    uint64_t prefix, uint64_t suffix, uint64_t base,
                    struct error *err)
{
    const struct ocdbt_file *before = i > 0 ? &f->items[i - 1] : NULL;
    size_t at = f->text.len;
    size_t from = b->at;
    int rc;

    if (prefix > (before ? before->len : 0) || base > prefix + suffix)
        return ocdbt_wrong(b, "the name of a file is not valid",
                           "no more shared than the one before has", prefix,
                           err);
    rc = ocdbt_skip(b, suffix, err);
    if (!rc)
        rc = buf_resize(&f->text, at + (size_t)(prefix + suffix), err);
    if (rc)
        return rc;
    if (prefix > 0)
        memcpy(f->text.data + at, f->text.data + before->at, (size_t)prefix);
    if (suffix > 0)
        memcpy(f->text.data + at + prefix, b->data + from, (size_t)suffix);
    f->items[i] = (struct ocdbt_file){ .at = at,
                                       .len = (uint32_t)(prefix + suffix),
                                       .base = (uint32_t)base,
                                       .number = UINT32_MAX };
    return 0;
}

static int read_names(struct ocdbt_body *b, struct ocdbt_files *f, size_t count,
                      struct error *err)
{
    size_t prefixes, suffixes, bases;
    uint64_t prefix = 0;
    int rc = ocdbt_column(b, count - 1, &prefixes, NULL, err);

    if (!rc)
        rc = ocdbt_column(b, count, &suffixes, NULL, err);
    if (!rc)
        rc = ocdbt_column(b, count, &bases, NULL, err);
    for (size_t i = 0; i < count && !rc; i++) {
        if (i > 0)
            prefix = ocdbt_next(b, &prefixes);
        rc = add_name(b, f, i, prefix, ocdbt_next(b, &suffixes),
                      ocdbt_next(b, &bases), err);
        f->count = i + 1;
    }
    return rc;
}

int ocdbt_files_read(struct ocdbt_body *b, const char *where,
                     struct ocdbt_files *out, struct error *err)
{
    struct ocdbt_files f = { .where = where };
    uint64_t count = 0;
    int rc = ocdbt_varint(b, &count, err);

    if (!rc && count > OCDBT_MAX_FILES)
        rc = ocdbt_wrong(b, "there are too many files", "at most 65536", count,
                         err);
    if (!rc && count > 0) {
        f.text = BUF_INIT(OCDBT_MAX_FILE_NAMES);
        f.items = calloc((size_t)count, sizeof *f.items);
        rc =
            f.items ? read_names(b, &f, (size_t)count, err) : error_memory(err);
    }
    if (rc)
        ocdbt_files_done(&f);
    else
        *out = f;
    return rc;
}

void ocdbt_files_done(struct ocdbt_files *f)
{
    free(f->items);
    buf_done(&f->text);
    *f = (struct ocdbt_files){ 0 };
}

static int leads_out(const struct ocdbt_body *b, const char *name,
                     struct error *err)
{
    error_set(err, ERR_PATH,
              "%.150s refers to a file outside of its folder: '%.150s'",
              b->file, name);
    error_subject(err, "%s", b->file);
    error_expected(err, "a relative path without '.' or '..'");
    return error_actual(err, "%s", name);
}

/* The first len bytes of a file's name behind where it is. */
static int whole_name(const struct ocdbt_files *f, const struct ocdbt_body *b,
                      const struct ocdbt_file *of, uint32_t len,
                      char name[static STORE_NAME_MAX + 1], struct error *err)
{
    const char *text = len > 0 ? (const char *)f->text.data + of->at : "";
    int n =
        snprintf(name, STORE_NAME_MAX + 1, "%s%.*s", f->where, (int)len, text);

    /* Names that are too long, or hold a NUL, come out shorter. */
    return n == (int)(strlen(f->where) + len) ? 0 : leads_out(b, name, err);
}

static int not_named(const struct ocdbt_files *f, const struct ocdbt_body *b,
                     uint64_t file, struct error *err)
{
    ocdbt_damaged(b, "a file is referred to that is not named", err);
    error_expected(err, "a number below %zu", f->count);
    return error_actual(err, "%" PRIu64, file);
}

int ocdbt_files_name(struct ocdbt_files *f, const struct ocdbt_body *b,
                     uint64_t file, struct ocdbt_texts *t, uint32_t *number,
                     struct error *err)
{
    char name[STORE_NAME_MAX + 1];
    struct ocdbt_file *of;
    int rc;

    if (file >= f->count)
        return not_named(f, b, file, err);
    of = &f->items[file];
    if (of->number == UINT32_MAX) {
        rc = whole_name(f, b, of, of->len, name, err);
        if (!rc && store_check_name(name, NULL))
            rc = leads_out(b, name, err);
        if (!rc)
            rc = ocdbt_texts_add(t, name, &of->number, err);
        if (rc)
            return rc;
    }
    *number = of->number;
    return 0;
}

int ocdbt_files_base(const struct ocdbt_files *f, const struct ocdbt_body *b,
                     uint64_t file, struct ocdbt_texts *t, uint32_t *number,
                     struct error *err)
{
    char name[STORE_NAME_MAX + 1];
    int rc;

    if (file >= f->count)
        return not_named(f, b, file, err);
    rc = whole_name(f, b, &f->items[file], f->items[file].base, name, err);
    return rc ? rc : ocdbt_texts_add(t, name, number, err);
}
