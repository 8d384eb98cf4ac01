/*
 * The T5X index.
 *
 * The index is a flax msgpack tree: {version, optimizer: {target, state}}, its
 * maps in any order. A first pass over the top notes the version, the step and
 * where target begins, and skips the rest by length, since state may hold
 * gigabytes. The second pass walks target with a stack of frames and opens an
 * array for every leaf; nil and empty maps are no data.
 *
 * Trees without a version are plain flax checkpoints, with target at the root.
 * Version 2 kept bfloat16 arrays as uint16: those are read as what they are.
 */
#include "checkpoint/t5x.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "checkpoint/layout.h"
#include "checkpoint/leaf.h"
#include "checkpoint/msgpack.h"
#include "checkpoint/spec.h"

enum {
    T5X_MAX_NODES = 1 << 18, /* maps and leaves of target */
    T5X_MAX_NAMES = 1 << 26, /* bytes of all their names */
    T5X_PEEKS = 1 << 26,     /* items looked at twice */
};

/* Where the parts of interest begin. */
struct part {
    bool found;
    uint64_t pos;
};

struct head {
    uint64_t version;
    bool has_version;
    bool has_optimizer;
    struct part target;
};

struct frame {
    uint64_t left;   /* children still to come */
    uint64_t index;  /* of the next child of a list */
    size_t name_len; /* of the container's own name */
    bool list;
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
    size_t lost; /* arrays without a .zarray */
    unsigned depth;
    struct frame frames[MSGPACK_MAX_DEPTH];
};

static int refuse(const struct msgpack *m, const char *what, struct error *err)
{
    error_set(err, ERR_INDEX, "%.200s %s", m->name, what);
    return error_subject(err, "%s", m->name);
}

/* A key into text; one that does not fit is none that matters here. */
static int read_key(struct msgpack *m, char *text, size_t size,
                    struct error *err)
{
    struct msgpack_item key;
    bool fits = false;
    int rc = msgpack_next(m, &key, err);

    if (rc)
        return rc;
    if (key.kind != MSGPACK_BYTES)
        return refuse(m, "has a key that is no text", err);
    return msgpack_text(m, &key, text, size, &fits, err);
}

static int read_step(struct msgpack *m, struct checkpoint *c,
                     const struct msgpack_item *state, struct error *err)
{
    struct msgpack_item value;
    char key[16];
    int rc = 0;

    if (state->kind != MSGPACK_MAP)
        return msgpack_skip(m, state, NULL, NULL, err);
    for (uint64_t i = 0; i < state->count && !rc; i++) {
        rc = read_key(m, key, sizeof key, err);
        if (!rc)
            rc = msgpack_next(m, &value, err);
        if (!rc && !strcmp(key, "step"))
            rc = leaf_integer(m, &value, &c->step, err);
        if (!rc)
            rc = msgpack_skip(m, &value, NULL, NULL, err);
    }
    return rc;
}

static int note_part(struct msgpack *m, struct part *part, uint64_t pos,
                     struct error *err)
{
    if (part->found)
        return refuse(m, "holds target twice", err);
    *part = (struct part){ true, pos };
    return 0;
}

/* What stands beside target: in the optimizer, or at the root of old trees. */
static int read_entry(struct msgpack *m, struct checkpoint *c, const char *key,
                      struct part *target, struct error *err)
{
    struct msgpack_item value;
    uint64_t pos = m->pos;
    int rc = 0;

    if (!strcmp(key, "target"))
        rc = note_part(m, target, pos, err);
    if (!rc)
        rc = msgpack_next(m, &value, err);
    if (rc)
        return rc;
    if (!strcmp(key, "state"))
        return read_step(m, c, &value, err);
    return msgpack_skip(m, &value, NULL, NULL, err);
}

static int read_optimizer(struct msgpack *m, struct checkpoint *c,
                          struct head *h, struct error *err)
{
    struct msgpack_item map;
    struct part target = { 0 };
    char key[16];
    int rc = msgpack_next(m, &map, err);

    if (rc)
        return rc;
    if (map.kind != MSGPACK_MAP || h->has_optimizer)
        return refuse(m, "holds no valid optimizer", err);
    h->has_optimizer = true;
    for (uint64_t i = 0; i < map.count && !rc; i++) {
        rc = read_key(m, key, sizeof key, err);
        if (!rc)
            rc = read_entry(m, c, key, &target, err);
    }
    if (!rc && target.found)
        h->target = target;
    return rc;
}

static int read_version(struct msgpack *m, struct head *h, struct error *err)
{
    struct msgpack_item value;
    int rc = msgpack_next(m, &value, err);

    if (rc)
        return rc;
    if (value.kind != MSGPACK_UINT || h->has_version)
        return refuse(m, "holds no valid version", err);
    h->has_version = true;
    h->version = value.value.uint;
    return 0;
}

/* The whole index, once; only its last byte may follow its last item. */
static int read_root(struct msgpack *m, struct checkpoint *c, struct head *h,
                     struct error *err)
{
    struct msgpack_item root;
    struct part plain = { 0 };
    char key[16];
    int rc = msgpack_next(m, &root, err);

    if (rc)
        return rc;
    if (root.kind != MSGPACK_MAP)
        return refuse(m, "is not a map", err);
    for (uint64_t i = 0; i < root.count && !rc; i++) {
        rc = read_key(m, key, sizeof key, err);
        if (rc)
            break;
        if (!strcmp(key, "version"))
            rc = read_version(m, h, err);
        else if (!strcmp(key, "optimizer"))
            rc = read_optimizer(m, c, h, err);
        else
            rc = read_entry(m, c, key, &plain, err);
    }
    if (!rc && m->pos != m->end)
        rc = refuse(m, "has bytes behind its end", err);
    if (!rc && !h->has_optimizer && h->version == 0)
        h->target = plain;
    return rc;
}

static int check_head(const struct msgpack *m, const struct head *h,
                      struct error *err)
{
    if (h->version == 1 || h->version > 3) {
        error_set(err, ERR_FORMAT, "%.200s is of version %" PRIu64, m->name,
                  h->version);
        error_subject(err, "%s", m->name);
        error_expected(err, "version 2 or 3");
        return error_actual(err, "%" PRIu64, h->version);
    }
    if (h->target.found)
        return 0;
    refuse(m, "holds no optimizer/target", err);
    return error_hint(err, "It is a msgpack file, but not a T5X index.");
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
    if (!buf_str(&w->name) || ++w->nodes > T5X_MAX_NODES) {
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

static int open_spec(struct walk *w, const struct msgpack_item *item,
                     struct error *err)
{
    const char *name = (const char *)w->name.data;
    char folder[STORE_NAME_MAX + 1];
    struct array *a = NULL;
    struct spec spec;
    bool absent = false;
    int rc = spec_read(w->m, item, name, &spec, err);

    if (!rc)
        rc = layout_join(folder, w->folder, spec.path, err);
    if (!rc)
        rc =
            zarr2_open(w->c->store, folder, name, &spec.meta, &a, &absent, err);
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

static int open_leaf(struct walk *w, const struct msgpack_item *item,
                     enum leaf_kind kind, struct error *err)
{
    const char *name = (const char *)w->name.data;
    struct array *a = NULL;
    int rc;

    if (kind == LEAF_SPEC)
        return open_spec(w, item, err);
    if (kind == LEAF_CHUNKED)
        rc = leaf_read_chunked(w->m, item, name, &a, err);
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
    return rc;
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

static int read_target(struct msgpack *m, struct checkpoint *c,
                       const char *folder, const struct head *h,
                       struct error *err)
{
    struct walk *w = calloc(1, sizeof *w);
    int rc;

    if (!w)
        return error_memory(err);
    w->m = m;
    w->c = c;
    w->folder = folder;
    w->version = (unsigned)h->version;
    w->name = BUF_INIT(STORE_NAME_MAX + 1);
    w->names = BUF_INIT(T5X_MAX_NAMES);
    w->peeks = T5X_PEEKS;
    m->pos = h->target.pos;
    rc = walk_target(w, err);
    if (!rc)
        rc = check_names(w, err);
    if (!rc && w->lost > 0)
        rc = layout_warn(c, err,
                         "%zu of %zu arrays have no .zarray file; the index is "
                         "taken for their layout",
                         w->lost, c->count);
    buf_done(&w->name);
    buf_done(&w->names);
    free(w);
    return rc;
}

int t5x_open(struct checkpoint *c, const char *folder, const char *object,
             struct error *err)
{
    char name[STORE_NAME_MAX + 1];
    struct msgpack m = { 0 };
    struct head h = { 0 };
    int rc = layout_join(name, folder, object, err);

    if (!rc)
        rc = msgpack_open(&m, c->store, name, err);
    if (!rc)
        rc = read_root(&m, c, &h, err);
    if (!rc)
        rc = check_head(&m, &h, err);
    if (!rc)
        rc = read_target(&m, c, folder, &h, err);
    c->format = "t5x";
    c->version = (unsigned)h.version;
    msgpack_done(&m);
    return rc;
}
