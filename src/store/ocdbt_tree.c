/*
 * From the manifest to a sorted table of keys.
 *
 * The tree is walked depth first, with the nodes still to read on a stack of
 * their own: only one node's body is in memory at a time, and neither depth nor
 * width of a foreign tree costs stack space. Whatever is read is counted
 * against a limit, since references may lead to the same node again and again.
 *
 * Keys must rise over the whole tree, which also makes them unique; the table
 * needs no sorting.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "store/ocdbt_impl.h"

enum { NUMBER_DIGITS = 16 };

/* A node to be read. */
struct pending {
    uint32_t file;
    uint32_t base;
    uint64_t offset;
    uint64_t len;
    unsigned height;
    size_t prefix_len; /* what all its keys begin with */
    unsigned char *prefix;
};

struct walk {
    struct ocdbt *o;
    struct pending *stack;
    size_t depth;
    size_t cap;
    size_t nodes;    /* read or on the stack */
    uint64_t bytes;  /* decoded */
    size_t prefixes; /* bytes of all prefixes on the stack */
    struct buf raw;  /* the node at hand, as stored */
    struct ocdbt_node node;
    bool any; /* there is a key before */
    size_t last_len;
    unsigned char last[2 * OCDBT_MAX_KEY]; /* the key before */
    unsigned char key[2 * OCDBT_MAX_KEY];  /* the key at hand */
};

static int too_large(const struct walk *w, const char *what, struct error *err)
{
    error_set(err, ERR_LIMIT, "the database %.200s has too many %s",
              w->o->store.label, what);
    return error_subject(err, "%s", w->o->store.label);
}

static int push(struct walk *w, const struct pending *p,
                const unsigned char *prefix, struct error *err)
{
    size_t cap = w->cap ? 2 * w->cap : 16;
    struct pending *stack;

    if (++w->nodes > OCDBT_MAX_NODES ||
        p->prefix_len > OCDBT_MAX_NAMES - w->prefixes)
        return too_large(w, "nodes", err);
    if (w->depth == w->cap) {
        stack = reallocarray(w->stack, cap, sizeof *stack);
        if (!stack)
            return error_memory(err);
        w->stack = stack;
        w->cap = cap;
    }
    w->stack[w->depth] = *p;
    w->stack[w->depth].prefix = malloc(p->prefix_len + 1);
    if (!w->stack[w->depth].prefix)
        return error_memory(err);
    if (p->prefix_len > 0)
        memcpy(w->stack[w->depth].prefix, prefix, p->prefix_len);
    w->prefixes += p->prefix_len;
    w->depth++;
    return 0;
}

/* Makes w->key the whole key of the entry at hand, and checks the order. */
static int whole_key(struct walk *w, const struct pending *p, size_t *len,
                     struct error *err)
{
    size_t n = p->prefix_len + w->node.key_len;
    size_t common = (size_t)num_min(n, w->last_len);
    int cmp;

    if (n > OCDBT_MAX_KEY)
        return ocdbt_wrong(w->node.body, "a key is too long",
                           "at most 65535 bytes", n, err);
    if (p->prefix_len > 0)
        memcpy(w->key, p->prefix, p->prefix_len);
    memcpy(w->key + p->prefix_len, w->node.key, w->node.key_len);
    *len = n;
    if (w->node.height > 0)
        return 0;
    cmp = memcmp(w->last, w->key, common);
    if (w->any && (cmp > 0 || (cmp == 0 && w->last_len >= n)))
        return ocdbt_disorder(w->node.body, err);
    memcpy(w->last, w->key, n);
    w->last_len = n;
    w->any = true;
    return 0;
}

static int make_room(struct walk *w, struct error *err)
{
    size_t cap = w->o->cap ? 2 * w->o->cap : 64;
    struct ocdbt_value *values;

    if (w->o->count == OCDBT_MAX_KEYS)
        return too_large(w, "keys", err);
    if (w->o->count < w->o->cap)
        return 0;
    values = reallocarray(w->o->values, cap, sizeof *values);
    if (!values)
        return error_memory(err);
    w->o->values = values;
    w->o->cap = cap;
    return 0;
}

static int append(const struct walk *w, struct buf *b, const void *data,
                  uint64_t len, const char *what, struct error *err)
{
    if (len > b->max - b->len)
        return too_large(w, what, err);
    buf_append(b, data, (size_t)len);
    return buf_status(b, err);
}

/* Keeps the key in w->key, unless nobody could ask for it. */
static int keep(struct walk *w, size_t len, const struct ocdbt_entry *e,
                struct error *err)
{
    struct ocdbt *o = w->o;
    struct ocdbt_value v = { .key = o->names.len,
                             .offset = e->offset,
                             .len = e->len,
                             .file = OCDBT_INLINE_FILE };
    int rc;

    w->key[len] = '\0';
    if (strlen((const char *)w->key) != len ||
        store_check_name((const char *)w->key, NULL))
        return 0;
    rc = make_room(w, err);
    if (!rc && e->in_tree) {
        v.offset = o->inlined.len;
        rc = append(w, &o->inlined, w->node.body->data + e->place, e->len,
                    "bytes in its nodes", err);
    } else if (!rc) {
        rc = ocdbt_files_name(&w->node.files, w->node.body, e->file, &o->files,
                              &v.file, err);
    }
    if (!rc)
        rc = append(w, &o->names, w->key, len + 1, "bytes in its keys", err);
    if (!rc)
        o->values[o->count++] = v;
    return rc;
}

static int push_child(struct walk *w, const struct ocdbt_entry *e,
                      size_t prefix_len, struct error *err)
{
    struct pending child = { .offset = e->offset,
                             .len = e->len,
                             .height = w->node.height - 1,
                             .prefix_len = prefix_len };
    int rc = ocdbt_files_name(&w->node.files, w->node.body, e->file,
                              &w->o->files, &child.file, err);

    if (!rc)
        rc = ocdbt_files_base(&w->node.files, w->node.body, e->file,
                              &w->o->files, &child.base, err);
    if (!rc)
        ocdbt_fetch_soon(w->o, child.file, child.offset, child.len);
    return rc ? rc : push(w, &child, w->key, err);
}

/* The stack's top entries from first on, so that the first comes off first. */
static void reverse(struct walk *w, size_t first)
{
    struct pending swap;

    for (size_t last = w->depth; first + 1 < last; first++, last--) {
        swap = w->stack[first];
        w->stack[first] = w->stack[last - 1];
        w->stack[last - 1] = swap;
    }
}

static int see_entries(struct walk *w, const struct pending *p,
                       struct error *err)
{
    struct ocdbt_entry e;
    size_t first = w->depth;
    size_t len = 0;
    int rc = 0;

    for (uint64_t i = 0; i < w->node.count && !rc; i++) {
        rc = ocdbt_node_next(&w->node, &e, err);
        if (!rc)
            rc = whole_key(w, p, &len, err);
        if (!rc && w->node.height == 0)
            rc = keep(w, len, &e, err);
        else if (!rc)
            rc = push_child(w, &e, p->prefix_len + e.common, err);
    }
    reverse(w, first);
    return rc;
}

static int read_node(struct walk *w, const struct pending *p,
                     struct ocdbt_body *b, struct error *err)
{
    const char *file = w->o->files.items[p->file];
    int rc;

    if (p->len > OCDBT_MAX_BODY)
        return too_large(w, "bytes in a node", err);
    buf_clear(&w->raw);
    rc = buf_resize(&w->raw, (size_t)p->len, err);
    if (!rc)
        rc =
            ocdbt_fetch(w->o, p->file, p->offset, w->raw.data, w->raw.len, err);
    if (!rc)
        rc = ocdbt_unwrap(file, p->offset, OCDBT_IS_NODE, w->raw.data,
                          w->raw.len, b, err);
    if (!rc && b->len > OCDBT_MAX_TREE - w->bytes)
        rc = too_large(w, "bytes in its nodes", err);
    w->bytes += rc ? 0 : b->len;
    return rc;
}

static int check_height(const struct walk *w, const struct pending *p,
                        struct error *err)
{
    if (w->node.height == p->height)
        return 0;
    ocdbt_damaged(w->node.body, "it is of another height", err);
    error_expected(err, "%u", p->height);
    return error_actual(err, "%u", w->node.height);
}

static int see_node(struct walk *w, const struct pending *p, struct error *err)
{
    struct ocdbt_body b = { 0 };
    int rc = read_node(w, p, &b, err);

    if (!rc)
        rc = ocdbt_node_read(&b, w->o->files.items[p->base], &w->node, err);
    if (!rc) {
        rc = check_height(w, p, err);
        if (!rc)
            rc = see_entries(w, p, err);
        ocdbt_node_done(&w->node);
    }
    ocdbt_body_done(&b);
    return rc;
}

static int walk_tree(struct walk *w, const struct ocdbt_root *root,
                     struct error *err)
{
    struct pending p = { .file = root->file,
                         .base = root->base,
                         .offset = root->offset,
                         .len = root->len,
                         .height = root->height };
    int rc = push(w, &p, NULL, err);

    while (!rc && w->depth > 0) {
        p = w->stack[--w->depth];
        w->prefixes -= p.prefix_len;
        rc = see_node(w, &p, err);
        free(p.prefix);
    }
    while (w->depth > 0)
        free(w->stack[--w->depth].prefix);
    return rc;
}

/* The largest of the names manifest.<16 hex digits>, "" if there is none. */
static int see_manifest(void *ctx, const char *name, bool is_folder,
                        struct error *err)
{
    static const char prefix[] = "manifest.";
    const char *digits = name + sizeof prefix - 1;
    char *latest = ctx;

    (void)err;
    if (!is_folder && !strncmp(name, prefix, sizeof prefix - 1) &&
        strlen(digits) == NUMBER_DIGITS &&
        strspn(digits, "0123456789abcdef") == NUMBER_DIGITS &&
        strcmp(name, latest) > 0)
        memcpy(latest, name, sizeof prefix + NUMBER_DIGITS);
    return 0;
}

static int read_manifest(struct ocdbt *o, const char *name,
                         struct ocdbt_root *root, struct error *err)
{
    struct buf raw = BUF_INIT(OCDBT_MAX_MANIFEST);
    char path[STORE_NAME_MAX + 1];
    int rc;

    snprintf(path, sizeof path, "%s%s%s", o->folder, *o->folder ? "/" : "",
             name);
    rc = store_get(o->base, path, OCDBT_MAX_MANIFEST, &raw, err);
    if (!rc)
        rc = ocdbt_manifest_read(path, &raw, &o->files, root, err);
    buf_done(&raw);
    return rc;
}

/* The same through the list of manifests, each one version's. */
static int read_numbered(struct ocdbt *o, struct ocdbt_root *root,
                         struct error *err)
{
    char latest[sizeof "manifest." + NUMBER_DIGITS] = "";
    int rc = store_list(o->base, o->folder, see_manifest, latest, err);

    if (!rc && !*latest) {
        *root = (struct ocdbt_root){ .empty = true };
        return 0;
    }
    if (!rc)
        rc = read_manifest(o, latest, root, err);
    if (!rc && root->numbered) {
        error_set(err, ERR_INDEX, "%.200s refers to other manifests", latest);
        rc = error_subject(err, "%s", latest);
    }
    return rc;
}

int ocdbt_load(struct ocdbt *o, struct error *err)
{
    struct ocdbt_root root = { 0 };
    struct walk *w = NULL;
    int rc = read_manifest(o, OCDBT_MANIFEST, &root, err);

    if (!rc && root.numbered)
        rc = read_numbered(o, &root, err);
    if (rc || root.empty)
        return rc;
    w = calloc(1, sizeof *w);
    if (!w)
        return error_memory(err);
    w->o = o;
    w->raw = BUF_INIT(OCDBT_MAX_BODY);
    rc = walk_tree(w, &root, err);
    buf_done(&w->raw);
    free(w->stack);
    free(w);
    return rc;
}
