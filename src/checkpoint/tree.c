/*
 * The tree of parameters.
 *
 * A stack of frames, one for each open map, walks the tree item by item and
 * opens an array for every leaf; nil and empty maps are no data. The names of
 * all nodes are kept until the end and must differ: a key that is there twice
 * would silently win or lose against its twin.
 *
 * Arrays in folders of their own are opened in order, but some time after the
 * walk has passed them: meanwhile the store fetches the metadata of many.
 *
 * Version 2 kept bfloat16 arrays as uint16: those are read as what they are.
 */
#include "checkpoint/tree.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "checkpoint/chunked.h"
#include "checkpoint/flax.h"
#include "checkpoint/layout.h"
#include "checkpoint/leaf.h"
#include "checkpoint/orbax.h"
#include "checkpoint/spec.h"

enum {
    TREE_MAX_NODES = 1 << 18, /* maps and leaves */
    TREE_MAX_NAMES = 1 << 26, /* bytes of all their names */
    TREE_PEEKS = 1 << 26,     /* items looked at twice */
    PENDING = 128,            /* arrays whose metadata is asked for at once */
};

struct frame {
    uint64_t left;   /* children still to come */
    uint64_t index;  /* of the next child of a list */
    size_t name_len; /* of the container's own name */
    bool list;
};

/* An array whose metadata is on its way. */
struct pending {
    char *name;
    char *param; /* what Orbax calls it; NULL if there is a spec */
    struct spec spec;
};

struct walk {
    struct msgpack *m;
    struct checkpoint *c;
    const char *folder;
    unsigned version;
    struct buf name;  /* of the node at hand */
    struct buf names; /* of all nodes, each with its NUL */
    size_t nodes;
    uint64_t peeks;
    size_t lost;             /* arrays without a .zarray */
    struct pending *pending; /* a ring of PENDING */
    size_t pending_from;
    size_t pending_count;
    unsigned depth;
    struct frame frames[MSGPACK_MAX_DEPTH];
};

static int refuse(const struct msgpack *m, const char *what, struct error *err)
{
    error_set(err, ERR_INDEX, "%.200s %s", m->name, what);
    return error_subject(err, "%s", m->name);
}

static void name_truncate(struct walk *w, size_t len)
{
    w->name.len = len;
}

static int append_key(struct walk *w, struct error *err)
{
    char text[STORE_NAME_MAX + 1];
    struct msgpack_item key;
    bool fits = false;
    int rc = msgpack_next(w->m, &key, err);

    if (!rc)
        rc = msgpack_text(w->m, &key, text, sizeof text, &fits, err);
    if (!rc && !fits)
        rc = refuse(w->m, "has a key that is no text or is too long", err);
    if (!rc)
        buf_puts(&w->name, text);
    return rc;
}

/* Makes w->name that of f's next child, and remembers it. */
static int next_name(struct walk *w, struct frame *f, struct error *err)
{
    int rc = 0;

    name_truncate(w, f->name_len);
    if (w->depth > 1)
        buf_putc(&w->name, '/');
    if (f->list)
        buf_printf(&w->name, "%" PRIu64, f->index++);
    else
        rc = append_key(w, err);
    if (rc)
        return rc;
    if (!buf_str(&w->name) || ++w->nodes > TREE_MAX_NODES) {
        error_set(err, ERR_LIMIT, "%.200s has too many or too long names",
                  w->m->name);
        return error_subject(err, "%s", w->m->name);
    }
    buf_append(&w->names, w->name.data, w->name.len + 1);
    return buf_status(&w->names, err);
}

static int push(struct walk *w, const struct msgpack_item *item,
                struct error *err)
{
    bool list = item->kind == MSGPACK_ARRAY;

    if (w->depth == MSGPACK_MAX_DEPTH)
        return refuse(w->m, "is nested too deeply", err);
    w->frames[w->depth++] = (struct frame){ .left = item->count,
                                            .name_len = w->name.len,
                                            .list = list };
    return 0;
}

/* Version 2 stored bfloat16 as uint16; later ones have no use for uint16. */
static int settle_dtype(const struct walk *w, struct array *a,
                        struct error *err)
{
    if (a->dtype != DTYPE_U16)
        return 0;
    if (w->version == 2) {
        a->dtype = DTYPE_BF16;
        return 0;
    }
    error_set(err, ERR_DTYPE,
              "array %s is uint16, which only version 2 stores "
              "parameters as",
              a->name);
    error_subject(err, "%s", a->name);
    error_expected(err, "a float type");
    return error_actual(err, "uint16 in version %u", w->version);
}

static int open_spec(struct walk *w, const struct pending *p, struct error *err)
{
    char folder[STORE_NAME_MAX + 1];
    struct array *a = NULL;
    bool absent = false;
    int rc = layout_join(folder, w->folder, p->spec.path, err);

    if (!rc)
        rc = zarr2_open(w->c->store, folder, p->name, &p->spec.meta, &a,
                        &absent, err);
    if (rc)
        return rc;
    w->lost += absent;
    rc = settle_dtype(w, a, err);
    if (rc) {
        array_free(a);
        return rc;
    }
    return layout_add(w->c, a, err);
}

static void pending_done(struct pending *p)
{
    free(p->name);
    free(p->param);
    p->name = p->param = NULL;
}

/* Opens the array that has been pending longest. */
static int open_pending(struct walk *w, struct error *err)
{
    struct pending *p = &w->pending[w->pending_from];
    int rc = p->param ? orbax_add(w->c, w->folder, p->param, p->name, err)
                      : open_spec(w, p, err);

    pending_done(p);
    w->pending_from = (w->pending_from + 1) % PENDING;
    w->pending_count--;
    return rc;
}

/* The next pending array, under the name at hand. */
static int next_pending(struct walk *w, struct pending **out, struct error *err)
{
    size_t at = (w->pending_from + w->pending_count) % PENDING;
    int rc = 0;

    if (w->pending_count == PENDING)
        rc = open_pending(w, err);
    if (rc)
        return rc;
    *out = &w->pending[at];
    (*out)->name = strdup((const char *)w->name.data);
    return (*out)->name ? 0 : error_memory(err);
}

/* The array is opened a little later: its metadata may come from far away. */
static int add_spec(struct walk *w, const struct msgpack_item *item,
                    struct error *err)
{
    struct pending *p = NULL;
    char folder[STORE_NAME_MAX + 1];
    int rc = next_pending(w, &p, err);

    if (!rc)
        rc = spec_read(w->m, item, p->name, &p->spec, err);
    if (!rc)
        rc = layout_join(folder, w->folder, p->spec.path, err);
    if (rc)
        return rc;
    w->pending_count++;
    zarr2_soon_meta(w->c->store, folder);
    return 0;
}

/* The same if the item refers to an array of Orbax's or flax's: *found. */
static int add_placeholder(struct walk *w, const struct msgpack_item *item,
                           bool *found, struct error *err)
{
    struct pending *p = NULL;
    char text[STORE_NAME_MAX + 1];
    const char *param;
    bool fits = false;
    int rc = msgpack_text(w->m, item, text, sizeof text, &fits, err);

    if (!rc && fits)
        rc = flax_add_far(w->c, w->m->name, text, (const char *)w->name.data,
                          found, err);
    if (rc || !fits || *found)
        return rc;
    param = orbax_placeholder(text);
    *found = param != NULL;
    if (!param)
        return rc;
    rc = next_pending(w, &p, err);
    if (rc)
        return rc;
    p->param = strdup(param);
    if (!p->param)
        return error_memory(err);
    w->pending_count++;
    return orbax_soon(w->c, w->folder, param, false, err);
}

static int open_leaf(struct walk *w, const struct msgpack_item *item,
                     enum leaf_kind kind, struct error *err)
{
    const char *name = (const char *)w->name.data;
    struct array *a = NULL;
    bool found = false;
    int rc = 0;

    if (item->kind == MSGPACK_BYTES)
        rc = add_placeholder(w, item, &found, err);
    if (rc || found)
        return rc;
    if (kind == LEAF_SPEC)
        return add_spec(w, item, err);
    if (kind == LEAF_CHUNKED)
        rc = chunked_read(w->m, item, name, &a, err);
    else
        rc = leaf_read(w->m, item, name, &a, err);
    return rc || !a ? rc : layout_add(w->c, a, err);
}

static int walk_child(struct walk *w, struct frame *f, struct error *err)
{
    enum leaf_kind kind = LEAF_TREE;
    struct msgpack_item item;
    int rc = next_name(w, f, err);

    if (!rc)
        rc = msgpack_next(w->m, &item, err);
    if (rc)
        return rc;
    if (item.kind == MSGPACK_ARRAY)
        return push(w, &item, err);
    if (item.kind != MSGPACK_MAP)
        return open_leaf(w, &item, kind, err);
    rc = leaf_classify(w->m, &item, &w->peeks, &kind, err);
    if (rc)
        return rc;
    return kind == LEAF_TREE ? push(w, &item, err)
                             : open_leaf(w, &item, kind, err);
}

static int walk_target(struct walk *w, struct error *err)
{
    struct msgpack_item item;
    struct frame *f;
    int rc = msgpack_next(w->m, &item, err);

    if (rc)
        return rc;
    if (item.kind != MSGPACK_MAP)
        return refuse(w->m, "holds a target that is not a map", err);
    rc = push(w, &item, err);
    while (!rc && w->depth > 0) {
        f = &w->frames[w->depth - 1];
        if (f->left == 0) {
            w->depth--;
            continue;
        }
        f->left--;
        rc = walk_child(w, f, err);
    }
    while (!rc && w->pending_count > 0)
        rc = open_pending(w, err);
    return rc;
}

static void pending_free(struct pending *pending)
{
    for (size_t i = 0; pending && i < PENDING; i++)
        pending_done(&pending[i]);
    free(pending);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* No node may be there twice, be it leaf or map. */
static int check_names(const struct walk *w, struct error *err)
{
    const char **names = calloc(w->nodes ? w->nodes : 1, sizeof *names);
    const char *p = (const char *)w->names.data;
    int rc = 0;

    if (!names)
        return error_memory(err);
    for (size_t i = 0; i < w->nodes; i++, p += strlen(p) + 1)
        names[i] = p;
    qsort(names, w->nodes, sizeof *names, compare_names);
    for (size_t i = 1; i < w->nodes && !rc; i++) {
        if (strcmp(names[i - 1], names[i]) != 0)
            continue;
        error_set(err, ERR_INDEX, "%.200s holds %.200s twice", w->m->name,
                  names[i]);
        rc = error_subject(err, "%s", names[i]);
    }
    free(names);
    return rc;
}

int tree_read(struct msgpack *m, uint64_t pos, unsigned version,
              struct checkpoint *c, const char *folder, struct error *err)
{
    struct walk *w = calloc(1, sizeof *w);
    int rc;

    if (!w)
        return error_memory(err);
    w->m = m;
    w->c = c;
    w->folder = folder;
    w->version = version;
    w->name = BUF_INIT(STORE_NAME_MAX + 1);
    w->names = BUF_INIT(TREE_MAX_NAMES);
    w->peeks = TREE_PEEKS;
    w->pending = calloc(PENDING, sizeof *w->pending);
    m->pos = pos;
    rc = w->pending ? walk_target(w, err) : error_memory(err);
    if (!rc)
        rc = check_names(w, err);
    if (!rc && w->lost > 0)
        rc = layout_warn(c, err,
                         "%zu of %zu arrays have no .zarray file; the index is "
                         "taken for their layout",
                         w->lost, c->count);
    pending_free(w->pending);
    buf_done(&w->name);
    buf_done(&w->names);
    free(w);
    return rc;
}
