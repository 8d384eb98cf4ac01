/*
 * Arrays inside a flax msgpack tree.
 *
 * flax packs a numpy array as extension 1, a numpy scalar as 3, a complex as 2;
 * the payload of 1 and 3 is itself msgpack: shape, dtype name, bytes. An array
 * beyond 1 GiB becomes a map with a marker, its shape and its pieces, each a
 * flat array, under the keys "0", "1", ... in any order. Names and data come as
 * str or bin, depending on the writer's age.
 */
#include "checkpoint/leaf.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "checkpoint/inline.h"

enum {
    EXT_NDARRAY = 1,
    EXT_COMPLEX = 2,
    EXT_SCALAR = 3,
    CHUNKED_KEYS = 3,
    SPEC_MAX_KEYS = 64,
    PEEK_ITEMS = 512, /* a spec of rank 32 has less than half of that */
};

static const char chunked_mark[] = "__msgpack_chunked_array__";

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
    { chunked_mark, 8 },
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

/* A packed array: its shape and dtype, and where its bytes are. */
struct packed {
    struct array like;
    struct extent data;
};

static int read_dims(struct msgpack *m, const char *name, struct array *like,
                     struct error *err)
{
    struct msgpack_item item;
    int rc = msgpack_next(m, &item, err);

    if (rc)
        return rc;
    if (item.kind != MSGPACK_ARRAY || item.count > ARRAY_MAX_RANK)
        return refuse(name, ERR_INDEX, "its shape is not valid", err);
    like->rank = (unsigned)item.count;
    for (unsigned i = 0; i < like->rank; i++) {
        rc = msgpack_next(m, &item, err);
        if (rc)
            return rc;
        if (item.kind != MSGPACK_UINT)
            return refuse(name, ERR_INDEX, "its shape is not valid", err);
        like->shape[i] = item.value.uint;
    }
    return 0;
}

static int read_dtype(struct msgpack *m, const char *name, struct array *like,
                      struct error *err)
{
    struct msgpack_item item;
    char text[32];
    bool fits = false;
    int rc = msgpack_next(m, &item, err);

    if (!rc)
        rc = msgpack_text(m, &item, text, sizeof text, &fits, err);
    if (rc)
        return rc;
    like->dtype = fits ? dtype_by_name(text, strlen(text)) : DTYPE_NONE;
    if (like->dtype != DTYPE_NONE)
        return 0;
    refuse(name, ERR_DTYPE, "its data type is not known", err);
    return error_actual(err, "%s", text);
}

static int read_parts(struct msgpack *m, const char *name, struct packed *p,
                      struct error *err)
{
    struct msgpack_item item;
    int rc = msgpack_next(m, &item, err);

    if (rc)
        return rc;
    if (item.kind != MSGPACK_ARRAY || item.count != 3)
        return refuse(name, ERR_INDEX, "it is not packed as an array", err);
    rc = read_dims(m, name, &p->like, err);
    if (!rc)
        rc = read_dtype(m, name, &p->like, err);
    if (!rc)
        rc = msgpack_next(m, &item, err);
    if (rc)
        return rc;
    if (item.kind != MSGPACK_BYTES || m->pos != m->end)
        return refuse(name, ERR_INDEX, "it is not packed as an array", err);
    p->data = (struct extent){ item.offset, item.len };
    return 0;
}

/* Reads an extension's payload with fn, as if the object ended with it. */
static int inside(struct msgpack *m, const struct msgpack_item *item,
                  const char *name,
                  int (*fn)(struct msgpack *, const char *, struct packed *,
                            struct error *),
                  struct packed *p, struct error *err)
{
    uint64_t pos = m->pos;
    uint64_t end = m->end;
    int rc;

    m->pos = item->offset;
    m->end = item->offset + item->len;
    rc = fn(m, name, p, err);
    m->pos = pos;
    m->end = end;
    return rc;
}

static int read_array(struct msgpack *m, const struct msgpack_item *item,
                      const char *name, struct array **out, struct error *err)
{
    struct packed p = { 0 };
    int rc = inside(m, item, name, read_parts, &p, err);

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

/* Texts stand for arrays that other tools keep elsewhere. */
static int refuse_text(struct msgpack *m, const struct msgpack_item *item,
                       const char *name, struct error *err)
{
    char text[128];
    bool fits = false;
    int rc = msgpack_text(m, item, text, sizeof text, &fits, err);

    if (rc)
        return rc;
    if (!strncmp(text, "PLACEHOLDER://", 14) ||
        !strncmp(text, "AGGREGATED://", 13)) {
        refuse(name, ERR_FORMAT, "it is stored as Orbax stores arrays", err);
        return error_actual(err, "%s", text);
    }
    if (!strncmp(text, "//GDAPlaceholder:", 17)) {
        refuse(name, ERR_FORMAT, "it is stored in a _gda folder", err);
        return error_actual(err, "%s", text);
    }
    return refuse(name, ERR_INDEX, "it is a text, not an array", err);
}

int leaf_read(struct msgpack *m, const struct msgpack_item *item,
              const char *name, struct array **out, struct error *err)
{
    unsigned char boolean = item->value.boolean;

    *out = NULL;
    switch (item->kind) {
    case MSGPACK_NIL:
        return 0;
    case MSGPACK_BOOL:
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
        return refuse_text(m, item, name, err);
    case MSGPACK_EXT:
        return read_ext(m, item, name, out, err);
    case MSGPACK_ARRAY:
    case MSGPACK_MAP:
        break;
    }
    return error_set(err, ERR_INTERNAL, "array %s is no leaf", name);
}

/* A chunked array while it is read. */
struct chunked {
    struct packed last; /* the piece read last; its dtype is that of all */
    struct array like;
    struct piece {
        uint64_t index;
        struct extent data;
    } * pieces;
    size_t count;
    size_t cap;
};

/* The keys of flax's lists: "0", "1", ... */
static int read_index(struct msgpack *m, const char *name, uint64_t *index,
                      struct error *err)
{
    struct msgpack_item key;
    char text[16];
    bool fits = false;
    int rc = msgpack_next(m, &key, err);

    if (!rc)
        rc = msgpack_text(m, &key, text, sizeof text, &fits, err);
    if (rc)
        return rc;
    if (!*text || text[strspn(text, "0123456789")] != '\0')
        return refuse(name, ERR_INDEX, "a piece of it has no number", err);
    *index = strtoull(text, NULL, 10);
    return 0;
}

static int read_shape(struct msgpack *m, const char *name, struct chunked *c,
                      struct error *err)
{
    bool seen[ARRAY_MAX_RANK] = { false };
    struct msgpack_item item;
    uint64_t index = 0;
    int rc = msgpack_next(m, &item, err);

    if (rc)
        return rc;
    if (item.kind != MSGPACK_MAP || item.count > ARRAY_MAX_RANK)
        return refuse(name, ERR_INDEX, "its shape is not valid", err);
    c->like.rank = (unsigned)item.count;
    for (unsigned i = 0; i < c->like.rank; i++) {
        rc = read_index(m, name, &index, err);
        if (!rc)
            rc = msgpack_next(m, &item, err);
        if (rc)
            return rc;
        if (index >= c->like.rank || seen[index] || item.kind != MSGPACK_UINT)
            return refuse(name, ERR_INDEX, "its shape is not valid", err);
        seen[index] = true;
        c->like.shape[index] = item.value.uint;
    }
    return 0;
}

static int add_piece(struct chunked *c, uint64_t index, struct error *err)
{
    size_t cap = c->cap ? 2 * c->cap : 8;
    struct piece *pieces;

    if (c->count == c->cap) {
        pieces = reallocarray(c->pieces, cap, sizeof *pieces);
        if (!pieces)
            return error_memory(err);
        c->pieces = pieces;
        c->cap = cap;
    }
    c->pieces[c->count++] = (struct piece){ index, c->last.data };
    return 0;
}

static int read_piece(struct msgpack *m, const char *name, struct chunked *c,
                      struct error *err)
{
    struct msgpack_item item;
    uint64_t index = 0;
    int rc = read_index(m, name, &index, err);

    if (!rc)
        rc = msgpack_next(m, &item, err);
    if (rc)
        return rc;
    if (item.kind != MSGPACK_EXT || item.ext != EXT_NDARRAY)
        return refuse(name, ERR_INDEX, "a piece of it is not an array", err);
    rc = inside(m, &item, name, read_parts, &c->last, err);
    if (rc)
        return rc;
    if (c->count > 0 && c->last.like.dtype != c->like.dtype)
        return refuse(name, ERR_INDEX, "its pieces differ in dtype", err);
    c->like.dtype = c->last.like.dtype;
    return add_piece(c, index, err);
}

static int read_pieces(struct msgpack *m, const char *name, struct chunked *c,
                       struct error *err)
{
    struct msgpack_item item;
    int rc = msgpack_next(m, &item, err);

    if (rc)
        return rc;
    if (item.kind != MSGPACK_MAP || c->count > 0)
        return refuse(name, ERR_INDEX, "its pieces are not valid", err);
    for (uint64_t i = 0; i < item.count && !rc; i++)
        rc = read_piece(m, name, c, err);
    return rc;
}

static int read_member(struct msgpack *m, const char *name, struct chunked *c,
                       struct error *err)
{
    struct msgpack_item item;
    char text[32];
    bool fits = false;
    int rc = msgpack_next(m, &item, err);

    if (!rc)
        rc = msgpack_text(m, &item, text, sizeof text, &fits, err);
    if (rc)
        return rc;
    if (!strcmp(text, "shape"))
        return read_shape(m, name, c, err);
    if (!strcmp(text, "chunks"))
        return read_pieces(m, name, c, err);
    if (strcmp(text, chunked_mark) != 0)
        return refuse(name, ERR_INDEX, "it has a part that is not known", err);
    rc = msgpack_next(m, &item, err);
    return rc ? rc : msgpack_skip(m, &item, NULL, NULL, err);
}

static int by_index(const void *a, const void *b)
{
    uint64_t x = ((const struct piece *)a)->index;
    uint64_t y = ((const struct piece *)b)->index;

    return (x > y) - (x < y);
}

/* The pieces in order; their numbers are 0, 1, ... without a gap. */
static int join(struct msgpack *m, const char *name, struct chunked *c,
                struct array **out, struct error *err)
{
    struct extent *extents = calloc(c->count ? c->count : 1, sizeof *extents);
    int rc = 0;

    if (!extents)
        return error_memory(err);
    if (c->count > 0)
        qsort(c->pieces, c->count, sizeof *c->pieces, by_index);
    for (size_t i = 0; i < c->count && !rc; i++) {
        if (c->pieces[i].index != i)
            rc = refuse(name, ERR_INDEX, "a piece of it is missing", err);
        extents[i] = c->pieces[i].data;
    }
    if (!rc)
        rc = inline_new(&c->like, name, m->store, m->name, extents, c->count,
                        out, err);
    free(extents);
    return rc;
}

int leaf_read_chunked(struct msgpack *m, const struct msgpack_item *item,
                      const char *name, struct array **out, struct error *err)
{
    struct chunked c = { 0 };
    int rc = 0;

    for (uint64_t i = 0; i < item->count && !rc; i++)
        rc = read_member(m, name, &c, err);
    if (!rc)
        rc = join(m, name, &c, out, err);
    free(c.pieces);
    return rc;
}

int leaf_integer(struct msgpack *m, const struct msgpack_item *item,
                 int64_t *out, struct error *err)
{
    struct packed p = { 0 };
    unsigned char bytes[8] = { 0 };
    uint64_t value = UINT64_MAX;
    size_t size;
    int rc = 0;

    if (item->kind == MSGPACK_UINT)
        value = item->value.uint;
    if (item->kind == MSGPACK_EXT &&
        (item->ext == EXT_NDARRAY || item->ext == EXT_SCALAR)) {
        rc = inside(m, item, "step", read_parts, &p, err);
        size = dtype_info(p.like.dtype)->size;
        if (!rc && p.like.dtype >= DTYPE_I8 && p.like.dtype <= DTYPE_U64 &&
            p.data.len == size) {
            rc = msgpack_bytes(m, p.data.offset, bytes, size, err);
            value = num_le64(bytes);
        }
    }
    *out = value <= INT64_MAX ? (int64_t)value : -1;
    return rc;
}
