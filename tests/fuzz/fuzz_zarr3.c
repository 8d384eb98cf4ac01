/*
 * checkpoint/zarr3.c and what stands below it (zarr3_meta, zarr3_codecs, chain,
 * shard, permute): up to the first zero byte zarr.json, behind it what every
 * object holds, be it a chunk or a shard.
 */
#include <string.h>

#include "checkpoint/zarr3.h"
#include "fuzz.h"

enum { CHUNK_BYTES_MAX = 1 << 18, CHUNKS_MAX = 8 };

/* A store where zarr.json is one text and every other name another. */
struct one {
    struct store base;
    const uint8_t *meta, *object;
    size_t meta_len, object_len;
};

static const uint8_t *find(struct store *s, const char *name, size_t *len)
{
    struct one *o = (struct one *)s;
    bool meta = !strcmp(name, "a/zarr.json");

    *len = meta ? o->meta_len : o->object_len;
    return meta ? o->meta : o->object;
}

static int one_size(struct store *s, const char *name, uint64_t *size,
                    struct error *err)
{
    size_t len;

    (void)err;
    find(s, name, &len);
    *size = len;
    return 0;
}

static int one_read(struct store *s, const char *name, uint64_t offset,
                    void *dst, size_t n, struct error *err)
{
    size_t len;
    const uint8_t *data = find(s, name, &len);

    (void)err;
    FUZZ_ASSERT(offset <= len && n <= len - offset);
    if (n > 0)
        memcpy(dst, data + offset, n);
    return 0;
}

static int one_get(struct store *s, const char *name, uint64_t max,
                   struct buf *b, struct error *err)
{
    size_t len;
    const uint8_t *data = find(s, name, &len);

    if (len > max)
        return error_set(err, ERR_LIMIT, "too large");
    buf_clear(b);
    buf_append(b, data, len);
    return buf_status(b, err);
}

static const struct store_ops ops = { .size = one_size,
                                      .read = one_read,
                                      .get = one_get };

/* All that was promised is there to be read. */
static void read_chunks(const struct array *a)
{
    uint64_t bytes = array_chunk_bytes(a);
    struct scratch *s = NULL;
    const void *data = NULL;
    volatile unsigned char seen;
    struct error err;
    int rc;

    FUZZ_ASSERT(scratch_new(&s, &err) == 0);
    for (uint64_t i = 0; i < array_chunks(a) && i < CHUNKS_MAX; i++) {
        rc = array_read_chunk(a, i, ARRAY_MISSING_ERROR, s, &data, NULL, &err);
        for (uint64_t k = 0; !rc && k < bytes; k++)
            seen = ((const unsigned char *)data)[k];
        FUZZ_ASSERT(!rc || (err.code == (enum error_code)rc && err.text[0]));
    }
    (void)seen;
    scratch_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    struct one o = { .base = { .ops = &ops } };
    struct array *a = NULL;
    struct error err;
    bool absent = true;
    int rc;

    o.meta = data;
    o.meta_len = zero ? (size_t)(zero - data) : size;
    o.object = zero ? zero + 1 : data + size;
    o.object_len = zero ? size - o.meta_len - 1 : 0;
    rc = zarr3_open(&o.base, "a", "a", &a, &absent, &err);
    FUZZ_ASSERT(!absent);
    FUZZ_ASSERT(!rc || (err.code == (enum error_code)rc && err.text[0]));
    if (!rc && array_chunk_bytes(a) <= CHUNK_BYTES_MAX)
        read_chunks(a);
    array_free(a);
    return 0;
}
