/*
 * What all arrays share: checks when they are made, the arithmetic of their
 * chunk grids, and the dispatch to the layout that holds the bytes.
 */
#include "checkpoint/array.h"

#include <stdlib.h>

#include "base/num.h"

uint64_t array_elements(const struct array *a)
{
    uint64_t n = 0;

    return num_product(a->shape, a->rank, &n) ? n : 0;
}

uint64_t array_bytes(const struct array *a)
{
    return array_elements(a) * dtype_info(a->dtype)->size;
}

uint64_t array_chunk_bytes(const struct array *a)
{
    uint64_t n = 0;

    num_product(a->chunk, a->rank, &n);
    return n * dtype_info(a->dtype)->size;
}

uint64_t array_grid(const struct array *a, unsigned dim)
{
    return num_ceil_div(a->shape[dim], a->chunk[dim]);
}

uint64_t array_chunks(const struct array *a)
{
    uint64_t n = 1;

    for (unsigned i = 0; i < a->rank; i++)
        n *= array_grid(a, i);
    return n;
}

void array_locate(const struct array *a, uint64_t index, uint64_t *at)
{
    for (unsigned i = a->rank; i-- > 0; index /= array_grid(a, i))
        at[i] = index % array_grid(a, i);
}

int array_read_chunk(const struct array *a, uint64_t index,
                     enum array_missing how, struct scratch *s,
                     const void **data, bool *missing, struct error *err)
{
    bool absent = false;
    int rc;

    if (index >= array_chunks(a)) {
        error_set(err, ERR_INTERNAL, "array %s has no chunk %llu", a->name,
                  (unsigned long long)index);
        return error_subject(err, "%s", a->name);
    }
    if (a->fill_is_number)
        how = ARRAY_MISSING_FILL;
    rc = a->ops->read_chunk(a, index, how, s, data, &absent, err);
    if (!rc && missing)
        *missing = absent && !a->fill_is_number;
    return rc;
}

bool array_soon(const struct array *a, uint64_t index)
{
    return !a->ops->soon || a->ops->soon(a, index);
}

static int refuse(const struct array *a, enum error_code code, const char *why,
                  struct error *err)
{
    error_set(err, code, "array %s: %s", a->name, why);
    return error_subject(err, "%s", a->name);
}

/* The product of n dimensions of size-byte elements, up to max bytes. */
static bool fits(const uint64_t *dims, unsigned n, uint64_t size, uint64_t max)
{
    uint64_t bytes = 0;

    return num_product(dims, n, &bytes) && num_mul(bytes, size, &bytes) &&
           bytes <= max;
}

/*
 * A grid has no more chunks than its array has elements, so what fits here
 * makes array_chunks() fit too.
 */
int array_check(const struct array *a, struct error *err)
{
    uint64_t size = dtype_info(a->dtype)->size;

    if (size == 0)
        return refuse(a, ERR_DTYPE, "its data type is not known", err);
    if (a->rank > ARRAY_MAX_RANK) {
        refuse(a, ERR_METADATA, "it has too many dimensions", err);
        error_expected(err, "at most %d", ARRAY_MAX_RANK);
        return error_actual(err, "%u", a->rank);
    }
    for (unsigned i = 0; i < a->rank; i++)
        if (a->chunk[i] == 0)
            return refuse(a, ERR_METADATA, "its chunks are empty", err);
    if (!fits(a->shape, a->rank, size, INT64_MAX))
        return refuse(a, ERR_LIMIT, "its shape is too large", err);
    if (!fits(a->chunk, a->rank, size, ARRAY_MAX_CHUNK_BYTES)) {
        refuse(a, ERR_LIMIT, "its chunks are too large", err);
        return error_expected(err, "at most %llu bytes",
                              (unsigned long long)ARRAY_MAX_CHUNK_BYTES);
    }
    return 0;
}

void array_free(struct array *a)
{
    if (!a)
        return;
    free(a->name);
    a->ops->free(a);
}
