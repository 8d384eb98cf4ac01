/*
 * The T5X index.
 *
 * The index is a flax msgpack tree: {version, optimizer: {target, state}}, its
 * maps in any order. A first pass over the top notes the version, the step and
 * where target begins, and skips the rest by length, since state may hold
 * gigabytes. The second pass reads target (tree.c).
 *
 * Trees without a version are those of flax.training.checkpoints, with target
 * at the root, or params (flax.c). Orbax, up to 0.5, writes such trees too,
 * with the names of its arrays in them; t5x's first versions with Orbax call
 * the optimizer _optimizer.
 */
#include "checkpoint/t5x.h"

#include <inttypes.h>
#include <string.h>

#include "checkpoint/flax.h"
#include "checkpoint/layout.h"
#include "checkpoint/leaf.h"
#include "checkpoint/msgpack.h"
#include "checkpoint/orbax.h"
#include "checkpoint/tree.h"

/* Where the parts of interest begin. */
struct part {
    bool found;
    uint64_t pos;
};

/* The two maps that an optimizer is made of. */
struct optimizer {
    struct part target;
    struct part state;
};

struct head {
    const char *folder; /* of the index; borrowed */
    uint64_t version;
    bool has_version;
    bool has_optimizer;
    struct part target;
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

/* The step is a number, or the name of an array of Orbax's. */
static int take_step(struct msgpack *m, struct checkpoint *c,
                     const char *folder, const struct msgpack_item *value,
                     struct error *err)
{
    char text[64];
    const char *param;
    bool fits = false;
    int rc = msgpack_text(m, value, text, sizeof text, &fits, err);

    if (rc)
        return rc;
    param = fits ? orbax_placeholder(text) : NULL;
    return param ? orbax_read_step(c, folder, param, err)
                 : leaf_integer(m, value, &c->step, err);
}

static int read_step(struct msgpack *m, struct checkpoint *c,
                     const char *folder, const struct msgpack_item *state,
                     struct error *err)
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
            rc = take_step(m, c, folder, &value, err);
        if (!rc)
            rc = msgpack_skip(m, &value, NULL, NULL, err);
    }
    return rc;
}

static int note_part(struct msgpack *m, struct part *part, uint64_t pos,
                     struct error *err)
{
    if (part->found)
        return refuse(m, "holds a key twice", err);
    *part = (struct part){ true, pos };
    return 0;
}

/* What stands beside target: in the optimizer, or at the root of old trees. */
static int read_entry(struct msgpack *m, struct checkpoint *c,
                      const struct head *h, const char *key,
                      struct optimizer *o, struct error *err)
{
    struct msgpack_item value;
    uint64_t pos = m->pos;
    int rc = 0;

    if (!strcmp(key, "target"))
        rc = note_part(m, &o->target, pos, err);
    else if (!strcmp(key, "state"))
        rc = note_part(m, &o->state, pos, err);
    if (!rc)
        rc = msgpack_next(m, &value, err);
    if (rc)
        return rc;
    if (!strcmp(key, "state"))
        return read_step(m, c, h->folder, &value, err);
    if (!strcmp(key, "step"))
        rc = take_step(m, c, h->folder, &value, err);
    if (rc)
        return rc;
    return msgpack_skip(m, &value, NULL, NULL, err);
}

static int read_optimizer(struct msgpack *m, struct checkpoint *c,
                          struct head *h, struct error *err)
{
    struct msgpack_item map;
    struct optimizer o = { 0 };
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
            rc = read_entry(m, c, h, key, &o, err);
    }
    if (!rc)
        h->target = o.target;
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
    struct optimizer plain = { 0 };
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
        else if (!strcmp(key, "optimizer") || !strcmp(key, "_optimizer"))
            rc = read_optimizer(m, c, h, err);
        else
            rc = read_entry(m, c, h, key, &plain, err);
    }
    if (!rc && m->pos != m->end)
        rc = refuse(m, "has bytes behind its end", err);
    if (!rc && !h->has_optimizer && h->version == 0)
        h->target = plain.target;
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
    return error_hint(err, "it is a msgpack file, but not a T5X index");
}

/* Where the parameters are in what t5x did not write. */
static int find_target(struct msgpack *m, struct head *h, struct error *err)
{
    if (h->has_version || h->has_optimizer)
        return check_head(m, h, err);
    h->target.found = true;
    return flax_find_params(m, &h->target.pos, err);
}

int t5x_open(struct checkpoint *c, const char *folder, const char *object,
             struct error *err)
{
    char name[STORE_NAME_MAX + 1];
    struct msgpack m = { 0 };
    struct head h = { .folder = folder };
    int rc = layout_join(name, folder, object, err);

    if (!rc)
        rc = msgpack_open(&m, c->store, name, err);
    if (!rc)
        rc = read_root(&m, c, &h, err);
    if (!rc)
        rc = find_target(&m, &h, err);
    if (!rc)
        rc = tree_read(&m, h.target.pos, (unsigned)h.version, c, folder, err);
    if (!rc && c->count == 0 && h.target.pos == 0)
        rc = refuse(&m, "holds no arrays", err);
    if (!c->format)
        c->format = h.has_version || h.has_optimizer ? "t5x" : "flax";
    c->version = (unsigned)h.version;
    msgpack_done(&m);
    return rc;
}
