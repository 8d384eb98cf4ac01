/*
 * What the nodes of a flax msgpack tree are.
 *
 * A map is a node of the tree, unless its keys say that it is a tensorstore
 * spec or a chunked array. Other items are leaves: numpy arrays and scalars as
 * extensions (packed.c), and Python's own numbers.
 */
#include "checkpoint/leaf.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "checkpoint/chunked.h"
#include "checkpoint/inline.h"
#include "checkpoint/packed.h"

enum {
    CHUNKED_KEYS = 3,
    SPEC_MAX_KEYS = 64,
    PEEK_ITEMS = 512, /* a spec of rank 32 has less than half of that */
};

static int refuse(const char *name, enum error_code code, const char *what,
                  struct error *err)
{
    error_set(err, code, "array %s: %s", name, what);
    return error_subject(err, "%s", name);
}

/* The keys that make a map a leaf, and the bit of each. */
static const struct {
    const char *key;
    unsigned bit;
} marks[] = {
    { "driver", 1 },
    { "kvstore", 2 },
    { "metadata", 4 },
    { CHUNKED_MARK, 8 },
};

enum { SPEC_BITS = 7, CHUNKED_BIT = 8 };

static int read_mark(struct msgpack *m, unsigned *bits, struct error *err)
{
    struct msgpack_item key;
    char text[32];
    bool fits = false;
    int rc = msgpack_next(m, &key, err);

    if (!rc)
        rc = msgpack_text(m, &key, text, sizeof text, &fits, err);
    for (size_t i = 0; !rc && fits && i < sizeof marks / sizeof *marks; i++)
        if (!strcmp(text, marks[i].key))
            *bits |= marks[i].bit;
    return rc;
}

/*
 * Collects the marks among the keys. A spec is small, so a map with a large
 * value is not one and the search ends; only the three values of a chunked
 * array may be large.
 */
static int peek(struct msgpack *m, const struct msgpack_item *item,
                uint64_t *budget, unsigned *bits, struct error *err)
{
    bool small = item->count != CHUNKED_KEYS;
    uint64_t allowed = small ? num_min(PEEK_ITEMS, *budget) : *budget;
    uint64_t left = allowed;
    struct msgpack_item value;
    bool ended = false;
    int rc = 0;

    for (uint64_t i = 0; i < item->count && !rc && !ended; i++) {
        rc = read_mark(m, bits, err);
        if (!rc)
            rc = msgpack_next(m, &value, err);
        if (!rc)
            rc = msgpack_skip(m, &value, &left, &ended, err);
        if ((*bits & SPEC_BITS) == SPEC_BITS || (*bits & CHUNKED_BIT))
            break;
    }
    *budget -= num_min(*budget, allowed - left + item->count);
    if (!rc && *budget == 0)
        return error_set(err, ERR_LIMIT, "%.200s is too intricate", m->name);
    return rc;
}

int leaf_classify(struct msgpack *m, const struct msgpack_item *item,
                  uint64_t *budget, enum leaf_kind *kind, struct error *err)
{
    uint64_t pos = m->pos;
    unsigned bits = 0;
    int rc = 0;

    *kind = LEAF_TREE;
    if (item->count >= CHUNKED_KEYS && item->count <= SPEC_MAX_KEYS)
        rc = peek(m, item, budget, &bits, err);
    m->pos = pos;
    if ((bits & SPEC_BITS) == SPEC_BITS)
        *kind = LEAF_SPEC;
    else if ((bits & CHUNKED_BIT) && item->count == CHUNKED_KEYS)
        *kind = LEAF_CHUNKED;
    return rc;
}

static int read_array(struct msgpack *m, const struct msgpack_item *item,
                      const char *name, struct array **out, struct error *err)
{
    struct packed p;
    int rc = packed_read(m, item, name, &p, err);

    return rc ? rc
              : inline_new(&p.like, name, m->store, m->name, &p.data, 1, out,
                           err);
}

/* Two floats; both stay where the item says, big endian. */
static int read_complex(struct msgpack *m, const struct msgpack_item *item,
                        const char *name, struct array **out, struct error *err)
{
    struct msgpack_item part = { 0 };
    double value[2] = { 0, 0 };
    uint64_t pos = m->pos;
    int rc;

    m->pos = item->offset;
    rc = msgpack_next(m, &part, err);
    if (!rc && (part.kind != MSGPACK_ARRAY || part.count != 2))
        rc = refuse(name, ERR_INDEX, "it is not a complex number", err);
    for (unsigned i = 0; i < 2 && !rc; i++) {
        rc = msgpack_next(m, &part, err);
        if (!rc && part.kind != MSGPACK_FLOAT)
            rc = refuse(name, ERR_INDEX, "it is not a complex number", err);
        if (!rc)
            value[i] = part.value.real;
    }
    if (!rc && m->pos != pos)
        rc = refuse(name, ERR_INDEX, "it is not a complex number", err);
    m->pos = pos;
    return rc ? rc : inline_new_scalar(DTYPE_C128, name, value, out, err);
}

static int read_ext(struct msgpack *m, const struct msgpack_item *item,
                    const char *name, struct array **out, struct error *err)
{
    if (item->ext == EXT_NDARRAY || item->ext == EXT_SCALAR)
        return read_array(m, item, name, out, err);
    if (item->ext == EXT_COMPLEX)
        return read_complex(m, item, name, out, err);
    refuse(name, ERR_INDEX, "it is of a kind that flax does not write", err);
    error_expected(err, "extension 1, 2 or 3");
    return error_actual(err, "extension %d", item->ext);
}

int leaf_read(struct msgpack *m, const struct msgpack_item *item,
              const char *name, struct array **out, struct error *err)
{
    unsigned char boolean;

    *out = NULL;
    switch (item->kind) {
    case MSGPACK_NIL:
        return 0;
    case MSGPACK_BOOL:
        boolean = item->value.boolean;
        return inline_new_scalar(DTYPE_BOOL, name, &boolean, out, err);
    case MSGPACK_UINT:
        return inline_new_scalar(item->value.uint > INT64_MAX ? DTYPE_U64
                                                              : DTYPE_I64,
                                 name, &item->value.uint, out, err);
    case MSGPACK_INT:
        return inline_new_scalar(DTYPE_I64, name, &item->value.sint, out, err);
    case MSGPACK_FLOAT:
        return inline_new_scalar(DTYPE_F64, name, &item->value.real, out, err);
    case MSGPACK_BYTES:
        return refuse(name, ERR_INDEX, "it is a text, not an array", err);
    case MSGPACK_EXT:
        return read_ext(m, item, name, out, err);
    case MSGPACK_ARRAY:
    case MSGPACK_MAP:
        break;
    }
    return error_set(err, ERR_INTERNAL, "array %s is no leaf", name);
}

int leaf_integer(struct msgpack *m, const struct msgpack_item *item,
                 int64_t *out, struct error *err)
{
    struct packed p;
    unsigned char bytes[8] = { 0 };
    uint64_t value = UINT64_MAX;
    int rc = 0;

    if (item->kind == MSGPACK_UINT)
        value = item->value.uint;
    if (item->kind == MSGPACK_EXT &&
        (item->ext == EXT_NDARRAY || item->ext == EXT_SCALAR)) {
        rc = packed_read(m, item, "step", &p, err);
        if (!rc && p.like.dtype >= DTYPE_I8 && p.like.dtype <= DTYPE_U64 &&
            p.data.len == dtype_info(p.like.dtype)->size) {
            rc =
                msgpack_bytes(m, p.data.offset, bytes, (size_t)p.data.len, err);
            value = num_le64(bytes);
        }
    }
    *out = value <= INT64_MAX ? (int64_t)value : -1;
    return rc;
}
