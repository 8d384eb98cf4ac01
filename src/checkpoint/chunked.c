/*
 * Chunked arrays.
 *
 * flax cuts an array beyond 1 GiB into pieces, since msgpack's lengths end at
 * 4 GiB: a map of a mark, the shape and the pieces. Shape and pieces are lists
 * as flax writes lists, maps with the keys "0", "1", ... Their order in the map
 * means nothing, their numbers do. Each piece is a flat array; together they
 * are the array in C order.
 */
#include "checkpoint/chunked.h"

#include <stdlib.h>
#include <string.h>

#include "checkpoint/inline.h"
#include "checkpoint/packed.h"

static int refuse(const char *name, const char *what, struct error *err)
{
    error_set(err, ERR_INDEX, "array %s: %s", name, what);
    return error_subject(err, "%s", name);
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
        return refuse(name, "a piece of it has no number", err);
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
        return refuse(name, "its shape is not valid", err);
    c->like.rank = (unsigned)item.count;
    for (unsigned i = 0; i < c->like.rank; i++) {
        rc = read_index(m, name, &index, err);
        if (!rc)
            rc = msgpack_next(m, &item, err);
        if (rc)
            return rc;
        if (index >= c->like.rank || seen[index] || item.kind != MSGPACK_UINT)
            return refuse(name, "its shape is not valid", err);
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
        return refuse(name, "a piece of it is not an array", err);
    rc = packed_read(m, &item, name, &c->last, err);
    if (rc)
        return rc;
    if (c->count > 0 && c->last.like.dtype != c->like.dtype)
        return refuse(name, "its pieces differ in dtype", err);
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
        return refuse(name, "its pieces are not valid", err);
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
    int rc = msgpack_next_text(m, text, sizeof text, &fits, err);

    if (rc)
        return rc;
    if (!strcmp(text, "shape"))
        return read_shape(m, name, c, err);
    if (!strcmp(text, "chunks"))
        return read_pieces(m, name, c, err);
    if (strcmp(text, CHUNKED_MARK) != 0)
        return refuse(name, "it has a part that is not known", err);
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
            rc = refuse(name, "a piece of it is missing", err);
        extents[i] = c->pieces[i].data;
    }
    if (!rc)
        rc = inline_new(&c->like, name, m->store, m->name, extents, c->count,
                        out, err);
    free(extents);
    return rc;
}

int chunked_read(struct msgpack *m, const struct msgpack_item *item,
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
