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

#include "base/json.h"
#include "base/num.h"
#include "checkpoint/scratch.h"

enum {
    ZARRAY_MAX_BYTES = 1 << 20,
    KEY_MAX = ARRAY_MAX_RANK * 21, /* 20 digits and a separator each */
};

struct zarr2_array {
    struct array base;
    struct zarr2_meta meta;
    struct store *store;
    char *folder;
};

/* "0.3.0", or "0" for a scalar. */
static void chunk_key(const struct zarr2_array *a, uint64_t index,
                      char key[static KEY_MAX + 1])
{
    uint64_t at[ARRAY_MAX_RANK];
    size_t len = 0;

    if (a->base.rank == 0)
        snprintf(key, KEY_MAX, "0");
    for (unsigned i = a->base.rank; i-- > 0;) {
        at[i] = index % array_grid(&a->base, i);
        index /= array_grid(&a->base, i);
    }
    for (unsigned i = 0; i < a->base.rank; i++) {
        if (i > 0)
            key[len++] = a->meta.separator;
        len += (size_t)snprintf(key + len, KEY_MAX - len, "%" PRIu64, at[i]);
    }
}

/* Puts the array and chunk before a codec's text; the rest is kept. */
static int chunk_failed(const struct zarr2_array *a, const char *key, int rc,
                        struct error *err)
{
    struct error cause;

    if (rc != ERR_CHUNK || !err)
        return rc;
    cause = *err;
    error_set(err, ERR_CHUNK, "array %.200s: chunk %.100s %.150s", a->base.name,
              key, cause.text);
    error_subject(err, "%s", a->base.name);
    error_expected(err, "%s", cause.expected);
    error_actual(err, "%s", cause.actual);
    return error_hint(err, "%s", cause.hint);
}

static int chunk_missing(const struct zarr2_array *a, const char *object,
                         struct error *err)
{
    error_set(err, ERR_CHUNK_MISSING,
              "array %.160s: chunk file %.240s is not "
              "there",
              a->base.name, object);
    error_subject(err, "%s", a->base.name);
    error_expected(err, "%s", object);
    error_actual(err, "no such file");
    return error_hint(err, "the checkpoint is incomplete: copy it again, or "
                           "read missing chunks as zeros with "
                           "--allow-missing-chunks");
}

/* Reads the stored chunk into s->in; *absent where there is none. */
static int fetch(const struct zarr2_array *a, const char *key,
                 struct scratch *s, char *object, size_t object_size,
                 bool *absent, struct error *err)
{
    size_t bytes = (size_t)array_chunk_bytes(&a->base);
    uint64_t most = 2 * (uint64_t)bytes + (1U << 20);
    int n = snprintf(object, object_size, "%s/%s", a->folder, key);
    int rc;

    *absent = false;
    if (n < 0 || (size_t)n >= object_size)
        return error_set(err, ERR_PATH, "array %s: a chunk's path is too long",
                         a->base.name);
    rc = store_get(a->store, object, most, &s->in, err);
    if (rc == ERR_NOT_FOUND) {
        *absent = true;
        return 0;
    }
    if (rc != ERR_LIMIT)
        return rc;
    error_set(err, ERR_CHUNK, "is far larger than what it should decode to");
    return error_expected(err, "%zu bytes, compressed", bytes);
}

/*
 * Copies a block stored with its first index running fastest into C order. An
 * odometer over the block walks dst in sequence; src moves by the Fortran
 * strides.
 */
static void to_c_order(const struct array *a, const unsigned char *src,
                       unsigned char *dst)
{
    uint64_t at[ARRAY_MAX_RANK] = { 0 };
    uint64_t stride[ARRAY_MAX_RANK];
    size_t size = dtype_info(a->dtype)->size;
    uint64_t count = array_chunk_bytes(a) / size;
    uint64_t place = 0;
    uint64_t step = 1;

    for (unsigned i = 0; i < a->rank; i++) {
        stride[i] = step;
        step *= a->chunk[i];
    }
    for (uint64_t n = 0; n < count; n++, dst += size) {
        memcpy(dst, src + place * size, size);
        for (unsigned i = a->rank; i-- > 0;) {
            place += stride[i];
            if (++at[i] < a->chunk[i])
                break;
            place -= stride[i] * a->chunk[i];
            at[i] = 0;
        }
    }
}

/* Decodes s->in and brings it into C order and native byte order. */
static int decode(const struct zarr2_array *a, struct scratch *s,
                  const void **data, struct error *err)
{
    bool native_big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    size_t bytes = (size_t)array_chunk_bytes(&a->base);
    unsigned char *block;
    int rc = scratch_room(&s->out, bytes, err);

    if (!rc)
        rc = a->meta.codec->decode(s, s->in.data, s->in.len, s->out.data, bytes,
                                   err);
    if (rc)
        return rc;
    block = s->out.data;
    if (a->meta.fortran && a->base.rank > 1) {
        rc = scratch_room(&s->order, bytes, err);
        if (rc)
            return rc;
        to_c_order(&a->base, block, s->order.data);
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
    size_t bytes = (size_t)array_chunk_bytes(base);
    char key[KEY_MAX + 1];
    char object[STORE_NAME_MAX + 1];
    bool absent = false;
    int rc;

    chunk_key(a, index, key);
    rc = fetch(a, key, s, object, sizeof object, &absent, err);
    if (!rc && !absent)
        rc = decode(a, s, data, err);
    if (rc)
        return chunk_failed(a, key, rc, err);
    *missing = absent;
    if (!absent)
        return 0;
    if (how == ARRAY_MISSING_ERROR)
        return chunk_missing(a, object, err);
    rc = scratch_room(&s->out, bytes, err);
    if (rc)
        return rc;
    fill_elements(s->out.data, bytes / dtype_info(base->dtype)->size,
                  base->dtype, a->meta.fill);
    *data = s->out.data;
    return 0;
}

static void zarr2_free(struct array *base)
{
    struct zarr2_array *a = (struct zarr2_array *)base;

    free(a->folder);
    free(a);
}

static const struct array_ops zarr2_ops = {
    .read_chunk = zarr2_read_chunk,
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

static int load_meta(struct store *store, const char *folder, const char *name,
                     struct zarr2_meta *out, struct error *err)
{
    struct buf text = BUF_INIT(ZARRAY_MAX_BYTES);
    char object[STORE_NAME_MAX + 1];
    json_t *json = NULL;
    int n = snprintf(object, sizeof object, "%s/.zarray", folder);
    int rc;

    if (n < 0 || (size_t)n >= sizeof object)
        return error_set(err, ERR_PATH, "array %s: its path is too long", name);
    rc = store_get(store, object, ZARRAY_MAX_BYTES, &text, err);
    if (!rc)
        rc = json_read(text.data, text.len, object, ERR_METADATA, &json, err);
    if (!rc)
        rc = zarr2_parse(json, name, false, DTYPE_NONE, out, err);
    json_decref(json);
    buf_done(&text);
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
