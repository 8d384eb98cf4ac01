/*
 * The database as a store.
 *
 * The table of keys is sorted and does not change once it is made, so any
 * number of threads look keys up by bisection, without a lock. Keys that share
 * a folder stand side by side, which is all that listing needs.
 *
 * A reference to bytes that are not there is damage, not absence: readers of
 * arrays take an absent chunk for one that nobody wrote.
 */
#include "store/ocdbt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "store/ocdbt_impl.h"

static const char *key_of(const struct ocdbt *o, const struct ocdbt_value *v)
{
    return (const char *)o->names.data + v->key;
}

/* The first value from first on whose key is not less than name. */
static size_t lower_bound(const struct ocdbt *o, size_t first, const char *name)
{
    size_t low = first;
    size_t high = o->count;
    size_t middle;

    while (low < high) {
        middle = low + (high - low) / 2;
        if (strcmp(key_of(o, &o->values[middle]), name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int absent(const struct ocdbt *o, const char *name, struct error *err)
{
    error_set(err, ERR_NOT_FOUND, "%.150s is not there, in the database %.150s",
              name, o->store.label);
    return error_subject(err, "%s", name);
}

static int find(const struct ocdbt *o, const char *name,
                const struct ocdbt_value **out, struct error *err)
{
    size_t at = lower_bound(o, 0, name);

    if (at == o->count || strcmp(key_of(o, &o->values[at]), name) != 0)
        return absent(o, name, err);
    *out = &o->values[at];
    return 0;
}

static int incomplete(const char *file, const char *what, struct error *err)
{
    error_set(err, ERR_INDEX, "the data file %.200s %s", file, what);
    error_subject(err, "%s", file);
    return error_hint(err, "the checkpoint is incomplete: copy it again");
}

/* Why bytes could not be read: whether the file is gone or too short. */
static int explain(const struct ocdbt *o, const char *file, uint64_t end,
                   int rc, struct error *err)
{
    struct error cause;
    uint64_t size = 0;
    int found = store_size(o->base, file, &size, &cause);

    if (found == ERR_NOT_FOUND)
        return incomplete(file, "is not there", err);
    if (found || size >= end)
        return rc;
    incomplete(file, "is too short", err);
    error_expected(err, "at least %" PRIu64 " bytes", end);
    return error_actual(err, "%" PRIu64 " bytes", size);
}

/* The data file's path in the base store. */
static int data_file(const struct ocdbt *o, uint32_t file,
                     char path[static STORE_NAME_MAX + 1], struct error *err)
{
    int n = snprintf(path, STORE_NAME_MAX + 1, "%s%s%s", o->folder,
                     *o->folder ? "/" : "", o->files.items[file]);

    if (n >= 0 && n <= STORE_NAME_MAX)
        return 0;
    error_set(err, ERR_PATH, "the path of the data file %.200s is too long",
              o->files.items[file]);
    return error_subject(err, "%s", o->files.items[file]);
}

int ocdbt_fetch(const struct ocdbt *o, uint32_t file, uint64_t offset,
                void *dst, size_t len, struct error *err)
{
    char path[STORE_NAME_MAX + 1];
    int rc = data_file(o, file, path, err);

    if (rc || len == 0)
        return rc;
    rc = store_read(o->base, path, offset, dst, len, err);
    if (rc == ERR_NOT_FOUND || rc == ERR_READ)
        rc = explain(o, path, offset + len, rc, err);
    return rc;
}

void ocdbt_fetch_soon(const struct ocdbt *o, uint32_t file, uint64_t offset,
                      uint64_t len)
{
    char path[STORE_NAME_MAX + 1];

    if (!data_file(o, file, path, NULL))
        store_soon(o->base, STORE_SOON_READ, path, offset, len);
}

static int read_value(const struct ocdbt *o, const struct ocdbt_value *v,
                      uint64_t offset, void *dst, size_t len, struct error *err)
{
    if (v->file != OCDBT_INLINE_FILE)
        return ocdbt_fetch(o, v->file, v->offset + offset, dst, len, err);
    if (len > 0)
        memcpy(dst, o->inlined.data + v->offset + offset, len);
    return 0;
}

static int ocdbt_size(struct store *s, const char *name, uint64_t *size,
                      struct error *err)
{
    const struct ocdbt_value *v = NULL;
    int rc = find((const struct ocdbt *)s, name, &v, err);

    if (!rc)
        *size = v->len;
    return rc;
}

static int ocdbt_read(struct store *s, const char *name, uint64_t offset,
                      void *dst, size_t len, struct error *err)
{
    const struct ocdbt *o = (const struct ocdbt *)s;
    const struct ocdbt_value *v = NULL;
    int rc = find(o, name, &v, err);

    if (rc)
        return rc;
    if (offset > v->len || len > v->len - offset) {
        error_set(err, ERR_READ, "%.200s ends too early", name);
        return error_subject(err, "%s", name);
    }
    return read_value(o, v, offset, dst, len, err);
}

static int ocdbt_get(struct store *s, const char *name, uint64_t max,
                     struct buf *b, struct error *err)
{
    const struct ocdbt *o = (const struct ocdbt *)s;
    const struct ocdbt_value *v = NULL;
    int rc = find(o, name, &v, err);

    if (rc)
        return rc;
    buf_clear(b);
    if (v->len > max) {
        error_set(err, ERR_LIMIT, "%.200s is too large", name);
        error_subject(err, "%s", name);
        error_expected(err, "at most %" PRIu64 " bytes", max);
        return error_actual(err, "%" PRIu64 " bytes", v->len);
    }
    rc = buf_resize(b, (size_t)v->len, err);
    return rc ? rc : read_value(o, v, 0, b->data, b->len, err);
}

/* Values in the tree, and sizes, are here already. */
static bool ocdbt_soon(struct store *s, enum store_soon what, const char *name,
                       uint64_t offset, uint64_t len)
{
    const struct ocdbt *o = (const struct ocdbt *)s;
    const struct ocdbt_value *v = NULL;
    char path[STORE_NAME_MAX + 1];

    if (what == STORE_SOON_SIZE || find(o, name, &v, NULL) ||
        v->file == OCDBT_INLINE_FILE || data_file(o, v->file, path, NULL))
        return true;
    if (what == STORE_SOON_GET) {
        offset = 0;
        len = v->len;
    }
    return offset > v->len || len > v->len - offset ||
           store_soon(o->base, STORE_SOON_READ, path, v->offset + offset, len);
}

static uint64_t ocdbt_set_ahead(struct store *s, uint64_t bytes)
{
    uint64_t memory = 0;

    store_set_ahead(((const struct ocdbt *)s)->base, bytes, &memory);
    return memory;
}

/* The first value from first on that is not in the folder of this prefix. */
static size_t behind_folder(const struct ocdbt *o, size_t first,
                            const char *prefix, size_t len)
{
    size_t low = first;
    size_t high = o->count;
    size_t middle;

    while (low < high) {
        middle = low + (high - low) / 2;
        if (strncmp(key_of(o, &o->values[middle]), prefix, len) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int ocdbt_list(struct store *s, const char *folder, store_entry_fn fn,
                      void *ctx, struct error *err)
{
    const struct ocdbt *o = (const struct ocdbt *)s;
    char prefix[STORE_NAME_MAX + 2];
    char entry[STORE_NAME_MAX + 1];
    size_t skip = (size_t)snprintf(prefix, sizeof prefix, "%s%s", folder,
                                   *folder ? "/" : "");
    size_t first = lower_bound(o, 0, prefix);
    const char *key;
    size_t len;
    int rc = 0;

    for (size_t i = first; i < o->count && !rc;) {
        key = key_of(o, &o->values[i]);
        if (strncmp(key, prefix, skip) != 0)
            return i == first ? absent(o, folder, err) : 0;
        len = strcspn(key + skip, "/");
        memcpy(entry, key + skip, len);
        entry[len] = '\0';
        rc = fn(ctx, entry, key[skip + len] == '/', err);
        if (key[skip + len] == '/')
            i = behind_folder(o, i, key, skip + len + 1);
        else
            i++;
    }
    return !rc && first == o->count && *folder ? absent(o, folder, err) : rc;
}

static void ocdbt_free(struct store *s)
{
    struct ocdbt *o = (struct ocdbt *)s;

    ocdbt_texts_done(&o->files);
    buf_done(&o->names);
    buf_done(&o->inlined);
    free(o->values);
    free(o->folder);
    free(o);
}

static const struct store_ops ocdbt_ops = {
    .size = ocdbt_size,
    .read = ocdbt_read,
    .get = ocdbt_get,
    .list = ocdbt_list,
    .soon = ocdbt_soon,
    .set_ahead = ocdbt_set_ahead,
    .free = ocdbt_free,
};

int ocdbt_open(struct store *base, const char *folder, struct store **out,
               struct error *err)
{
    struct ocdbt *o = calloc(1, sizeof *o);
    int rc = 0;

    if (!o)
        return error_memory(err);
    o->store.ops = &ocdbt_ops;
    o->base = base;
    o->names = BUF_INIT(OCDBT_MAX_NAMES);
    o->inlined = BUF_INIT(OCDBT_MAX_INLINE);
    o->folder = strdup(folder);
    if (asprintf(&o->store.label, "%s%s%s", base->label, *folder ? "/" : "",
                 folder) < 0)
        o->store.label = NULL;
    if (!o->folder || !o->store.label)
        rc = error_memory(err);
    if (!rc && *folder)
        rc = store_check_name(folder, err);
    if (!rc)
        rc = ocdbt_load(o, err);
    if (rc)
        store_free(&o->store);
    else
        *out = &o->store;
    return rc;
}
