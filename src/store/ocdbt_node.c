/*
 * What manifests and nodes say.
 *
 * A node's columns are checked as a whole when it is read, and its entries are
 * then given one by one from where they stand: decoding needs no memory beside
 * the body and one key. A key is given by what it shares with the one before,
 * so the node keeps the last one.
 *
 * The manifest lists versions, the newest one last; older ones may be in a tree
 * of their own, for which a reader of the newest has no use.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "store/ocdbt_impl.h"

enum { UUID_BYTES = 16, LEVEL_BYTES = 4, TIME_BYTES = 8 };

/* count fields of size bytes each. */
static int skip_fixed(struct ocdbt_body *b, uint64_t count, uint64_t size,
                      size_t *column, struct error *err)
{
    uint64_t bytes = 0;

    *column = b->at;
    if (!num_mul(count, size, &bytes))
        return ocdbt_wrong(b, "there are too many entries",
                           "no more than bytes follow", count, err);
    return ocdbt_skip(b, bytes, err);
}

/* Passes n columns of count varints that are of no use here. */
static int skip_columns(struct ocdbt_body *b, unsigned n, uint64_t count,
                        struct error *err)
{
    size_t column;
    int rc = 0;

    for (unsigned i = 0; i < n && !rc; i++)
        rc = ocdbt_column(b, count, &column, NULL, err);
    return rc;
}

/* Which fields of a leaf's entries stand for what. */
static int read_leaf_values(struct ocdbt_node *n, struct error *err)
{
    struct ocdbt_body *b = n->body;
    uint64_t outside = 0;
    uint64_t inside = 0;
    uint64_t len;
    size_t lens;
    int rc = ocdbt_column(b, n->count, &n->at.len, NULL, err);

    if (!rc)
        rc = skip_fixed(b, n->count, 1, &n->at.kind, err);
    lens = n->at.len;
    for (uint64_t i = 0; i < n->count && !rc; i++) {
        len = ocdbt_next(b, &lens);
        if (b->data[n->at.kind + i] > 1)
            rc = ocdbt_wrong(b, "a value is of no known kind",
                             "0 (in the tree) or 1 (in a file)",
                             b->data[n->at.kind + i], err);
        else if (b->data[n->at.kind + i] == 1)
            outside++;
        else if (!num_add(inside, len, &inside))
            rc = ocdbt_wrong(b, "lengths are too large",
                             "a sum of less than 2^64", len, err);
    }
    if (!rc)
        rc = ocdbt_column(b, outside, &n->at.file, NULL, err);
    if (!rc)
        rc = ocdbt_column(b, outside, &n->at.offset, NULL, err);
    n->at.values = b->at;
    return rc ? rc : ocdbt_skip(b, inside, err);
}

static int read_children(struct ocdbt_node *n, struct error *err)
{
    struct ocdbt_body *b = n->body;
    int rc = ocdbt_column(b, n->count, &n->at.file, NULL, err);

    if (!rc)
        rc = ocdbt_column(b, n->count, &n->at.offset, NULL, err);
    if (!rc)
        rc = ocdbt_column(b, n->count, &n->at.len, NULL, err);
    /* Counts of keys, bytes of nodes and bytes of values below. */
    return rc ? rc : skip_columns(b, 3, n->count, err);
}

static int read_entries(struct ocdbt_node *n, struct error *err)
{
    struct ocdbt_body *b = n->body;
    uint64_t text = 0;
    int rc = ocdbt_varint(b, &n->count, err);

    if (!rc && (n->count == 0 || n->count > OCDBT_MAX_ENTRIES))
        rc = ocdbt_wrong(b, "the number of entries is not valid",
                         "1 to 1048576", n->count, err);
    if (!rc)
        rc = ocdbt_column(b, n->count - 1, &n->at.prefix, NULL, err);
    if (!rc)
        rc = ocdbt_column(b, n->count, &n->at.suffix, &text, err);
    if (!rc && n->height > 0)
        rc = ocdbt_column(b, n->count, &n->at.common, NULL, err);
    if (rc)
        return rc;
    n->at.text = b->at;
    rc = ocdbt_skip(b, text, err);
    if (!rc)
        rc = n->height > 0 ? read_children(n, err) : read_leaf_values(n, err);
    return rc ? rc : ocdbt_end(b, err);
}

int ocdbt_node_read(struct ocdbt_body *b, const char *where,
                    struct ocdbt_node *out, struct error *err)
{
    int rc;

    out->body = b;
    out->files = (struct ocdbt_files){ 0 };
    out->done = 0;
    out->key_len = 0;
    rc = ocdbt_byte(b, &out->height, err);
    if (!rc)
        rc = ocdbt_files_read(b, where, &out->files, err);
    if (!rc)
        rc = read_entries(out, err);
    if (rc)
        ocdbt_node_done(out);
    return rc;
}

void ocdbt_node_done(struct ocdbt_node *n)
{
    ocdbt_files_done(&n->files);
}

/* Makes n->key the next key; keys rise strictly. */
static int next_key(struct ocdbt_node *n, struct error *err)
{
    const unsigned char *text = n->body->data + n->at.text;
    uint64_t prefix = n->done > 0 ? ocdbt_next(n->body, &n->at.prefix) : 0;
    uint64_t suffix = ocdbt_next(n->body, &n->at.suffix);
    size_t rest;
    int cmp;

    if (prefix > n->key_len)
        return ocdbt_wrong(n->body, "the length of a key is not valid",
                           "no more shared than the one before has", prefix,
                           err);
    if (suffix > OCDBT_MAX_KEY - prefix)
        return ocdbt_wrong(n->body, "the length of a key is not valid",
                           "at most 65535 bytes", suffix, err);
    rest = (size_t)num_min(n->key_len - prefix, suffix);
    cmp = memcmp(text, n->key + prefix, rest);
    if (n->done > 0 && (cmp < 0 || (cmp == 0 && suffix <= n->key_len - prefix)))
        return ocdbt_disorder(n->body, err);
    memcpy(n->key + prefix, text, (size_t)suffix);
    n->key_len = (size_t)(prefix + suffix);
    n->at.text += (size_t)suffix;
    return 0;
}

static void next_value(struct ocdbt_node *n, struct ocdbt_entry *e)
{
    const struct ocdbt_body *b = n->body;

    e->len = ocdbt_next(b, &n->at.len);
    e->in_tree = b->data[n->at.kind + n->done] == 0;
    if (e->in_tree) {
        e->place = n->at.values;
        n->at.values += (size_t)e->len;
    } else {
        e->file = ocdbt_next(b, &n->at.file);
        e->offset = ocdbt_next(b, &n->at.offset);
    }
}

int ocdbt_node_next(struct ocdbt_node *n, struct ocdbt_entry *out,
                    struct error *err)
{
    struct ocdbt_entry e = { .in_tree = false };
    uint64_t end;
    int rc = next_key(n, err);

    if (rc)
        return rc;
    if (n->height == 0) {
        next_value(n, &e);
    } else {
        e.file = ocdbt_next(n->body, &n->at.file);
        e.offset = ocdbt_next(n->body, &n->at.offset);
        e.len = ocdbt_next(n->body, &n->at.len);
        e.common =
            (size_t)num_min(ocdbt_next(n->body, &n->at.common), SIZE_MAX);
        if (e.common > n->key_len)
            return ocdbt_wrong(n->body, "the length of a key is not valid",
                               "no more shared than it has", e.common, err);
    }
    if (!num_add(e.offset, e.len, &end) || end > INT64_MAX)
        return ocdbt_wrong(n->body, "a place in a file is not valid",
                           "less than 2^63", e.offset, err);
    n->done++;
    *out = e;
    return 0;
}

/* Configuration; of use to writers, but for the kind. */
static int read_config(struct ocdbt_body *b, bool *numbered, struct error *err)
{
    uint64_t kind = 0;
    uint64_t method = 0;
    unsigned arity;
    int rc = ocdbt_skip(b, UUID_BYTES, err);

    if (!rc)
        rc = ocdbt_varint(b, &kind, err);
    if (!rc && kind > 1)
        rc = ocdbt_wrong(b, "its kind is not known",
                         "0 (single) or 1 (numbered)", kind, err);
    if (!rc) /* the largest value in the tree, the largest node */
        rc = skip_columns(b, 2, 1, err);
    if (!rc)
        rc = ocdbt_byte(b, &arity, err);
    if (!rc)
        rc = ocdbt_varint(b, &method, err);
    if (!rc && method > 1)
        rc = ocdbt_wrong(b, "its compression is not known",
                         "0 (none) or 1 (zstd)", method, err);
    if (!rc && method == 1)
        rc = ocdbt_skip(b, LEVEL_BYTES, err);
    *numbered = kind == 1;
    return rc;
}

/* Versions; the last one is the newest. */
struct versions {
    uint64_t count;
    size_t height, file, offset, len;
};

static int read_versions(struct ocdbt_body *b, struct versions *v,
                         struct error *err)
{
    size_t times;
    int rc = ocdbt_varint(b, &v->count, err);

    if (!rc)
        rc = skip_columns(b, 1, v->count, err); /* generations */
    if (!rc)
        rc = skip_fixed(b, v->count, 1, &v->height, err);
    if (!rc)
        rc = ocdbt_column(b, v->count, &v->file, NULL, err);
    if (!rc)
        rc = ocdbt_column(b, v->count, &v->offset, NULL, err);
    if (!rc)
        rc = ocdbt_column(b, v->count, &v->len, NULL, err);
    if (!rc) /* keys, bytes of nodes, bytes of values */
        rc = skip_columns(b, 3, v->count, err);
    if (!rc)
        rc = skip_fixed(b, v->count, TIME_BYTES, &times, err);
    if (!rc && v->count == 0)
        rc = ocdbt_wrong(b, "there is no version", "1 or more", 0, err);
    return rc;
}

/* Nodes of older versions. */
static int skip_history(struct ocdbt_body *b, struct error *err)
{
    uint64_t count = 0;
    size_t column;
    int rc = ocdbt_varint(b, &count, err);

    if (!rc) /* generation, file, offset, length, number of generations */
        rc = skip_columns(b, 5, count, err);
    if (!rc)
        rc = skip_fixed(b, count, TIME_BYTES, &column, err);
    return rc ? rc : skip_fixed(b, count, 1, &column, err);
}

static int read_root(struct ocdbt_body *b, const struct versions *v,
                     struct ocdbt_files *files, struct ocdbt_texts *t,
                     struct ocdbt_root *out, struct error *err)
{
    struct versions at = *v;
    uint64_t file = 0;
    uint64_t end;
    int rc;

    for (uint64_t i = 0; i < v->count; i++) {
        file = ocdbt_next(b, &at.file);
        out->offset = ocdbt_next(b, &at.offset);
        out->len = ocdbt_next(b, &at.len);
    }
    out->height = b->data[v->height + v->count - 1];
    out->empty = out->offset == UINT64_MAX && out->len == UINT64_MAX;
    if (out->empty)
        return 0;
    if (!num_add(out->offset, out->len, &end) || end > INT64_MAX)
        return ocdbt_wrong(b, "the place of the tree is not valid",
                           "less than 2^63", out->offset, err);
    rc = ocdbt_files_name(files, b, file, t, &out->file, err);
    return rc ? rc : ocdbt_files_base(files, b, file, t, &out->base, err);
}

int ocdbt_manifest_read(const char *name, const struct buf *raw,
                        struct ocdbt_texts *t, struct ocdbt_root *out,
                        struct error *err)
{
    struct ocdbt_root root = { .numbered = false };
    struct ocdbt_files files = { 0 };
    struct ocdbt_body b = { 0 };
    struct versions v;
    int rc =
        ocdbt_unwrap(name, 0, OCDBT_IS_MANIFEST, raw->data, raw->len, &b, err);

    if (rc)
        return rc;
    rc = read_config(&b, &root.numbered, err);
    if (!rc && !root.numbered)
        rc = ocdbt_files_read(&b, "", &files, err);
    if (!rc && !root.numbered)
        rc = read_versions(&b, &v, err);
    if (!rc && !root.numbered)
        rc = skip_history(&b, err);
    if (!rc)
        rc = ocdbt_end(&b, err);
    if (!rc && !root.numbered)
        rc = read_root(&b, &v, &files, t, &root, err);
    ocdbt_files_done(&files);
    ocdbt_body_done(&b);
    if (!rc)
        *out = root;
    return rc;
}
