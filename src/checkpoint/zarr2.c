/*
 * Zarr 2 arrays, read chunk by chunk.
 *
 * A chunk file holds a full block of the chunk shape, also at the edges, so
 * its decoded size is known before it is opened. After decoding, a Fortran
 * block is brought into C order and a big-endian one swapped: those who read
 * chunks see one layout only.
 *
 * The array's own .zarray decides; what the index says besides must agree in
 * shape and dtype, and stands in where .zarray was lost (copies made with a
 * shell glob leave dotfiles behind).
 */
#include "checkpoint/zarr2.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/permute.h"
#include "checkpoint/zarr_impl.h"

struct zarr2_array {
    struct array base;
    struct zarr2_meta meta;
    struct store *store;
    char *folder;
};

/* "0.3.0", or "0" for a scalar. */
static void chunk_key(const struct zarr2_array *a, uint64_t index,
                      char key[static ZARR_KEY_MAX + 1])
{
    uint64_t at[ARRAY_MAX_RANK];

    array_locate(&a->base, index, at);
    zarr_key(key, 0, a->meta.separator, a->base.rank, at);
    if (a->base.rank == 0)
        memcpy(key, "0", 2);
}

/* Decodes s->in and brings it into C order and native byte order. */
static int decode(const struct zarr2_array *a, struct scratch *s,
                  const void **data, struct error *err)
{
    bool native_big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    size_t bytes = (size_t)array_chunk_bytes(&a->base);
    unsigned char order[ARRAY_MAX_RANK];
    unsigned char *block;
    int rc = scratch_room(&s->out, bytes, err);

    if (!rc)
        rc = codec_decode(a->meta.codec, s, s->in.data, s->in.len, s->out.data,
                          bytes, err);
    if (rc)
        return rc;
    block = s->out.data;
    if (a->meta.fortran && a->base.rank > 1) {
        rc = scratch_room(&s->order, bytes, err);
        if (rc)
            return rc;
        for (unsigned i = 0; i < a->base.rank; i++)
            order[i] = (unsigned char)(a->base.rank - 1 - i);
        permute_block(block, s->order.data, a->base.dtype, a->base.rank,
                      a->base.chunk, order);
        block = s->order.data;
    }
    if (a->meta.big != native_big)
        dtype_swap(a->meta.dtype, block,
                   bytes / dtype_info(a->meta.dtype)->size);
    *data = block;
    return 0;
}

static int zarr2_read_chunk(const struct array *base, uint64_t index,
                            enum array_missing how, struct scratch *s,
                            const void **data, bool *missing, struct error *err)
{
    const struct zarr2_array *a = (const struct zarr2_array *)base;
    char key[ZARR_KEY_MAX + 1];
    char object[STORE_NAME_MAX + 1];
    bool absent = false;
    int rc;

    chunk_key(a, index, key);
    rc = zarr_join(object, a->folder, key, base->name, err);
    if (!rc)
        rc = zarr_fetch(base, a->store, object, s, &absent, err);
    if (!rc && !absent)
        rc = decode(a, s, data, err);
    if (rc)
        return zarr_chunk_failed(base, key, rc, err);
    *missing = absent;
    return absent ? zarr_absent(base, object, how, a->meta.fill, s, data, err)
                  : 0;
}

static bool zarr2_soon(const struct array *base, uint64_t index)
{
    const struct zarr2_array *a = (const struct zarr2_array *)base;
    char key[ZARR_KEY_MAX + 1];
    char object[STORE_NAME_MAX + 1];

    chunk_key(a, index, key);
    return zarr_join(object, a->folder, key, base->name, NULL) ||
           store_soon(a->store, STORE_SOON_GET, object, 0,
                      array_chunk_bytes(base));
}

static void zarr2_free(struct array *base)
{
    struct zarr2_array *a = (struct zarr2_array *)base;

    free(a->folder);
    free(a);
}

static const struct array_ops zarr2_ops = {
    .read_chunk = zarr2_read_chunk,
    .soon = zarr2_soon,
    .free = zarr2_free,
};

static int make(struct store *store, const char *folder, const char *name,
                const struct zarr2_meta *meta, struct array **out,
                struct error *err)
{
    struct zarr2_array *a = calloc(1, sizeof *a);
    int rc;

    if (!a)
        return error_memory(err);
    a->base.ops = &zarr2_ops;
    a->base.codec = meta->codec->id;
    a->base.dtype = meta->dtype;
    a->base.rank = meta->rank;
    memcpy(a->base.shape, meta->shape, sizeof a->base.shape);
    memcpy(a->base.chunk, meta->chunk, sizeof a->base.chunk);
    a->base.fill_is_number = meta->has_fill;
    a->meta = *meta;
    a->store = store;
    a->base.name = strdup(name);
    a->folder = strdup(folder);
    if (!a->base.name || !a->folder)
        rc = error_memory(err);
    else
        rc = array_check(&a->base, err);
    if (rc) {
        array_free(&a->base);
        return rc;
    }
    *out = &a->base;
    return 0;
}

bool zarr2_soon_meta(struct store *store, const char *folder)
{
    char object[STORE_NAME_MAX + 1];

    return zarr_join(object, folder, ".zarray", "", NULL) ||
           store_soon(store, STORE_SOON_GET, object, 0, ZARR_META_BYTES_USUAL);
}

static int load_meta(struct store *store, const char *folder, const char *name,
                     struct zarr2_meta *out, struct error *err)
{
    json_t *json = NULL;
    int rc = zarr_load(store, folder, ".zarray", name, &json, err);

    if (!rc)
        rc = zarr2_parse(json, name, false, DTYPE_NONE, out, err);
    json_decref(json);
    return rc;
}

static void format_dims(const uint64_t *dims, unsigned rank, char *text,
                        size_t size)
{
    size_t len = 0;

    snprintf(text, size, "[]");
    for (unsigned i = 0; i < rank && len < size; i++)
        len +=
            (size_t)snprintf(text + len, size - len, "%s%" PRIu64 "%s",
                             i ? ", " : "[", dims[i], i + 1 == rank ? "]" : "");
}

/* What the index claims of an array must be what .zarray says. */
static int check_claim(const struct zarr2_meta *claim,
                       const struct zarr2_meta *meta, const char *name,
                       struct error *err)
{
    char expected[128];
    char actual[128];

    if (claim->rank != meta->rank ||
        memcmp(claim->shape, meta->shape, meta->rank * sizeof *meta->shape)) {
        format_dims(claim->shape, claim->rank, expected, sizeof expected);
        format_dims(meta->shape, meta->rank, actual, sizeof actual);
        error_set(err, ERR_METADATA,
                  "array %.200s: its .zarray has another "
                  "shape than the index says",
                  name);
    } else if (claim->dtype != DTYPE_NONE && claim->dtype != meta->dtype) {
        snprintf(expected, sizeof expected, "%s",
                 dtype_info(claim->dtype)->name);
        snprintf(actual, sizeof actual, "%s", dtype_info(meta->dtype)->name);
        error_set(err, ERR_METADATA,
                  "array %.200s: its .zarray has another "
                  "dtype than the index says",
                  name);
    } else {
        return 0;
    }
    error_subject(err, "%s", name);
    error_expected(err, "%s", expected);
    error_actual(err, "%s", actual);
    return error_hint(err, "the array's folder belongs to another checkpoint");
}

int zarr2_open(struct store *store, const char *folder, const char *name,
               const struct zarr2_meta *claim, struct array **out, bool *absent,
               struct error *err)
{
    struct zarr2_meta meta;
    int rc = load_meta(store, folder, name, &meta, err);

    *absent = rc == ERR_NOT_FOUND;
    if (*absent && claim)
        return make(store, folder, name, claim, out, err);
    if (*absent) {
        error_set(err, ERR_METADATA,
                  "array %.200s: there is no .zarray in "
                  "%.200s",
                  name, folder);
        return error_subject(err, "%s", name);
    }
    if (!rc && claim)
        rc = check_claim(claim, &meta, name, err);
    return rc ? rc : make(store, folder, name, &meta, out, err);
}
