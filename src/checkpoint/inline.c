/*
 * Arrays inside the index.
 *
 * Whoever converts wants chunks, so such an array gets a grid: as many whole
 * rows as fit 8 MiB, cut along the first axis, or further in where a single row
 * is larger. A chunk is then one run of the array's bytes. The bytes may lie in
 * several extents of the index, since flax cuts arrays beyond 1 GiB into
 * pieces; a chunk may span two of them.
 */
#include "checkpoint/inline.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "checkpoint/scratch.h"

#define INLINE_CHUNK_BYTES ((uint64_t)8 << 20)

enum { INLINE_SCALAR_BYTES = 16 };

struct inline_array {
    struct array base;
    struct store *store; /* NULL for a scalar: its bytes are in value */
    char *object;
    unsigned char value[INLINE_SCALAR_BYTES];
    size_t count;
    struct extent extents[];
};

static void make_grid(struct array *a)
{
    uint64_t inner = dtype_info(a->dtype)->size;
    uint64_t rows;
    bool whole = true;

    for (unsigned i = a->rank; i-- > 0;) {
        rows = num_max(1, INLINE_CHUNK_BYTES / num_max(1, inner));
        a->chunk[i] = whole ? num_max(1, num_min(a->shape[i], rows)) : 1;
        whole = whole && a->chunk[i] >= a->shape[i];
        inner *= a->chunk[i];
    }
}

/* Reads len bytes from place at of the array. */
static int read_run(const struct inline_array *a, uint64_t at,
                    unsigned char *dst, uint64_t len, struct error *err)
{
    uint64_t part;
    int rc = 0;

    if (!a->store) {
        memcpy(dst, a->value + at, (size_t)len);
        return 0;
    }
    for (size_t i = 0; i < a->count && len > 0 && !rc; i++) {
        if (at >= a->extents[i].len) {
            at -= a->extents[i].len;
            continue;
        }
        part = num_min(len, a->extents[i].len - at);
        rc = store_read(a->store, a->object, a->extents[i].offset + at, dst,
                        (size_t)part, err);
        at = 0;
        dst += part;
        len -= part;
    }
    return rc;
}

/* Has the store fetch the same bytes as read_run() will. */
static bool soon_run(const struct inline_array *a, uint64_t at, uint64_t len)
{
    uint64_t part;
    bool room = true;

    for (size_t i = 0; i < a->count && len > 0 && room; i++) {
        if (at >= a->extents[i].len) {
            at -= a->extents[i].len;
            continue;
        }
        part = num_min(len, a->extents[i].len - at);
        room = store_soon(a->store, STORE_SOON_READ, a->object,
                          a->extents[i].offset + at, part);
        at = 0;
        len -= part;
    }
    return room;
}

/*
 * Where chunk index begins in the array, and how many of its bytes exist: the
 * last chunk along the axis that is cut may hang over.
 */
static void locate(const struct array *a, uint64_t index, uint64_t *at,
                   uint64_t *len)
{
    uint64_t stride = dtype_info(a->dtype)->size;
    uint64_t grid, first;

    *at = 0;
    *len = stride;
    for (unsigned i = a->rank; i-- > 0;) {
        grid = array_grid(a, i);
        first = index % grid * a->chunk[i];
        index /= grid;
        *at += first * stride;
        *len *= num_min(a->chunk[i], a->shape[i] - first);
        stride *= a->shape[i];
    }
}

static bool inline_soon(const struct array *base, uint64_t index)
{
    const struct inline_array *a = (const struct inline_array *)base;
    uint64_t at, len;

    if (!a->store)
        return true;
    locate(base, index, &at, &len);
    return soon_run(a, at, len);
}

static int inline_read_chunk(const struct array *base, uint64_t index,
                             enum array_missing how, struct scratch *s,
                             const void **data, bool *missing,
                             struct error *err)
{
    const struct inline_array *a = (const struct inline_array *)base;
    size_t bytes = (size_t)array_chunk_bytes(base);
    uint64_t at, len;
    int rc = scratch_room(&s->out, bytes, err);

    (void)how;
    if (rc)
        return rc;
    locate(base, index, &at, &len);
    rc = read_run(a, at, s->out.data, len, err);
    if (rc)
        return rc;
    memset(s->out.data + len, 0, bytes - (size_t)len);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    dtype_swap(base->dtype, s->out.data,
               (size_t)len / dtype_info(base->dtype)->size);
#endif
    *data = s->out.data;
    *missing = false;
    return 0;
}

static void inline_free(struct array *base)
{
    struct inline_array *a = (struct inline_array *)base;

    free(a->object);
    free(a);
}

static const struct array_ops inline_ops = {
    .read_chunk = inline_read_chunk,
    .soon = inline_soon,
    .free = inline_free,
};

static struct inline_array *inline_alloc(const char *name, const char *object,
                                         size_t count)
{
    struct inline_array *a =
        calloc(1, sizeof *a + count * sizeof a->extents[0]);

    if (!a)
        return NULL;
    a->base.ops = &inline_ops;
    a->base.codec = "inline";
    a->base.name = strdup(name);
    a->object = strdup(object);
    a->count = count;
    if (a->base.name && a->object)
        return a;
    array_free(&a->base);
    return NULL;
}

/* The array's bytes must be exactly those that are there. */
static int check_size(const struct inline_array *a, struct error *err)
{
    uint64_t want = array_bytes(&a->base);
    uint64_t have = 0;

    for (size_t i = 0; i < a->count; i++)
        if (!num_add(have, a->extents[i].len, &have))
            have = UINT64_MAX;
    if (have == want)
        return 0;
    error_set(err, ERR_INDEX, "array %s: its bytes do not fill its shape",
              a->base.name);
    error_subject(err, "%s", a->base.name);
    error_expected(err, "%llu bytes", (unsigned long long)want);
    return error_actual(err, "%llu bytes", (unsigned long long)have);
}

int inline_new(const struct array *like, const char *name, struct store *store,
               const char *object, const struct extent *extents, size_t count,
               struct array **out, struct error *err)
{
    struct inline_array *a = inline_alloc(name, object, count);
    int rc;

    if (!a)
        return error_memory(err);
    a->base.dtype = like->dtype;
    a->base.rank = like->rank;
    memcpy(a->base.shape, like->shape, sizeof a->base.shape);
    a->store = store;
    if (count > 0)
        memcpy(a->extents, extents, count * sizeof *extents);
    for (unsigned i = 0; i < a->base.rank; i++)
        a->base.chunk[i] = 1;
    rc = array_check(&a->base, err);
    if (!rc)
        rc = check_size(a, err);
    if (rc) {
        array_free(&a->base);
        return rc;
    }
    make_grid(&a->base);
    *out = &a->base;
    return 0;
}

int inline_new_scalar(enum dtype dtype, const char *name, const void *value,
                      struct array **out, struct error *err)
{
    struct inline_array *a = inline_alloc(name, "", 0);

    if (!a)
        return error_memory(err);
    a->base.dtype = dtype;
    memcpy(a->value, value, dtype_info(dtype)->size);
    *out = &a->base;
    return 0;
}
