/*
 * _METADATA: what an Orbax checkpoint's tree is.
 *
 * "tree_metadata" maps each leaf to its keys and to what it is. The member's
 * own name is the keys in Python's spelling, so it is the keys that count. An
 * array is stored under its keys with '.' between them, which cannot be taken
 * apart again: keys may hold a '.' themselves. Fields that other versions add
 * or leave out are of no matter here.
 */
#include "checkpoint/orbax_index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"

static int refuse(const char *name, const char *what, struct error *err)
{
    error_set(err, ERR_INDEX, "%.200s %s", name, what);
    error_subject(err, "%s", name);
    return error_hint(err, "the file is damaged or not Orbax's; copy the "
                           "checkpoint again");
}

/* Takes both texts over, also on failure. */
static int add_leaf(struct orbax_index *x, char *path, char *param,
                    struct error *err)
{
    size_t cap = x->cap ? 2 * x->cap : 64;
    struct orbax_leaf *leaves = x->leaves;

    if (path && param && x->count == x->cap) {
        leaves = reallocarray(x->leaves, cap, sizeof *leaves);
        if (leaves) {
            x->leaves = leaves;
            x->cap = cap;
        }
    }
    if (!path || !param || !leaves) {
        free(path);
        free(param);
        return error_memory(err);
    }
    x->leaves[x->count++] = (struct orbax_leaf){ path, param };
    return 0;
}

/* The keys of one leaf, joined. */
static int join_keys(const json_t *keys, char separator, const char *name,
                     char **out, struct error *err)
{
    struct buf text = BUF_INIT(STORE_NAME_MAX + 1);
    const json_t *entry;
    const char *key;
    size_t i;

    json_array_foreach (keys, i, entry) {
        key = json_string_value(json_object_get(entry, "key"));
        if (!key || !*key) {
            buf_done(&text);
            return refuse(name, "holds a key that is not a text", err);
        }
        if (i > 0)
            buf_putc(&text, separator);
        buf_puts(&text, key);
    }
    *out = buf_take_str(&text);
    return *out ? 0 : refuse(name, "holds keys that are too long", err);
}

/* What Orbax stores no array for. */
static bool is_array(const json_t *value)
{
    static const char *const others[] = { "None",  "Dict",       "List",
                                          "Tuple", "NamedTuple", "string" };
    const char *type = json_string_value(json_object_get(value, "value_type"));

    if (json_is_true(json_object_get(value, "skip_deserialize")))
        return false;
    for (size_t i = 0; type && i < sizeof others / sizeof *others; i++)
        if (!strcmp(type, others[i]))
            return false;
    return true;
}

static int read_leaf(const json_t *leaf, const char *name,
                     struct orbax_index *x, struct error *err)
{
    const json_t *keys = json_object_get(leaf, "key_metadata");
    char *path = NULL;
    char *param = NULL;
    int rc;

    if (json_array_size(keys) == 0)
        return refuse(name, "holds a leaf without keys", err);
    if (!is_array(json_object_get(leaf, "value_metadata")))
        return 0;
    rc = join_keys(keys, '/', name, &path, err);
    if (!rc)
        rc = join_keys(keys, '.', name, &param, err);
    if (!rc)
        return add_leaf(x, path, param, err);
    free(path);
    return rc;
}

int orbax_index_read(const void *text, size_t len, const char *name,
                     struct orbax_index *out, struct error *err)
{
    struct orbax_index x = { 0 };
    json_t *json = NULL;
    const json_t *leaf;
    const char *key;
    json_t *tree;
    int rc = json_read(text, len, name, ERR_INDEX, &json, err);

    if (rc)
        return rc;
    tree = json_object_get(json, "tree_metadata");
    x.zarr3 = json_is_true(json_object_get(json, "use_zarr3"));
    if (!json_is_object(tree))
        rc = refuse(name, "holds no tree_metadata", err);
    json_object_foreach (tree, key, leaf) {
        if (rc)
            break;
        rc = read_leaf(leaf, name, &x, err);
    }
    json_decref(json);
    if (rc)
        orbax_index_done(&x);
    else
        *out = x;
    return rc;
}

struct guess {
    struct store *store;
    struct orbax_index x;
};

static int see_folder(void *ctx, const char *name, bool is_folder,
                      struct error *err)
{
    static const char *const marks[] = { ".zarray", "zarr.json" };
    struct guess *g = ctx;
    char object[STORE_NAME_MAX + 1];
    uint64_t size;
    bool found = false;
    char *path;
    int n;

    for (size_t i = 0; is_folder && !found && i < 2; i++) {
        n = snprintf(object, sizeof object, "%s/%s", name, marks[i]);
        found = n > 0 && (size_t)n < sizeof object &&
                store_size(g->store, object, &size, NULL) == 0;
    }
    if (!found)
        return 0;
    path = strdup(name);
    for (char *p = path; p && *p; p++)
        if (*p == '.')
            *p = '/';
    return add_leaf(&g->x, path, strdup(name), err);
}

int orbax_index_guess(struct store *store, struct orbax_index *out,
                      struct error *err)
{
    struct guess g = { .store = store };
    int rc = store_list(store, "", see_folder, &g, err);

    if (rc)
        orbax_index_done(&g.x);
    else
        *out = g.x;
    return rc;
}

void orbax_index_done(struct orbax_index *x)
{
    for (size_t i = 0; i < x->count; i++) {
        free(x->leaves[i].path);
        free(x->leaves[i].param);
    }
    free(x->leaves);
    *x = (struct orbax_index){ 0 };
}

/* How many of the leaves are below prefix. */
static size_t count_below(const struct orbax_index *x, const char *prefix)
{
    size_t n = 0;

    for (size_t i = 0; i < x->count; i++)
        n += !strncmp(x->leaves[i].path, prefix, strlen(prefix));
    return n;
}

size_t orbax_index_root(const struct orbax_index *x, char *root, size_t size)
{
    /* t5x's tree, as saved by itself and by its older versions; flax's. */
    static const char *const roots[] = { "optimizer/target/",
                                         "_optimizer/target/", "target/",
                                         "params/" };

    char deeper[64];
    size_t n = 0;
    int levels = 2;

    snprintf(root, size, "%s", "");
    for (size_t i = 0; n == 0 && i < sizeof roots / sizeof *roots; i++) {
        n = count_below(x, roots[i]);
        if (n > 0)
            snprintf(root, size, "%s", roots[i]);
    }
    /* A model's variables, params among them, may be what is optimized. */
    while (n > 0 && levels-- > 0) {
        snprintf(deeper, sizeof deeper, "%sparams/", root);
        n = count_below(x, deeper);
        if (n > 0)
            snprintf(root, size, "%s", deeper);
    }
    return strlen(root);
}

const struct orbax_leaf *orbax_index_find(const struct orbax_index *x,
                                          const char *path)
{
    for (size_t i = 0; i < x->count; i++)
        if (!strcmp(x->leaves[i].path, path))
            return &x->leaves[i];
    return NULL;
}
