/*
 * Arrays whose bytes stand inside the index, presented as chunked arrays.
 */
#ifndef SWITCHYARD_CHECKPOINT_INLINE_H
#define SWITCHYARD_CHECKPOINT_INLINE_H

#include "checkpoint/array.h"
#include "store/store.h"

/* A run of an array's bytes, little endian and in C order, in the object. */
struct extent {
    uint64_t offset;
    uint64_t len;
};

/*
 * An array whose bytes are those of the extents, one after the other; they must
 * add up to the shape. like gives rank, shape and dtype. store is borrowed and
 * must outlive the array; name, object and extents are copied.
 */
int inline_new(const struct array *like, const char *name, struct store *store,
               const char *object, const struct extent *extents, size_t count,
               struct array **out, struct error *err);

/* A scalar of size bytes (at most 16) that the caller has decoded already. */
int inline_new_scalar(enum dtype dtype, const char *name, const void *value,
                      struct array **out, struct error *err);

#endif
