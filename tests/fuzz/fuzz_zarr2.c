/*
 * checkpoint/zarr2.c: up to the first zero byte .zarray, behind it what every
 * chunk file holds.
 */
#include <string.h>

#include "checkpoint/zarr2.h"
#include "fuzz.h"

enum { CHUNK_BYTES_MAX = 1 << 20 };

static void read_chunk(const struct array *a)
{
    struct scratch *s = NULL;
    const void *data = NULL;
    volatile unsigned char seen;
    struct error err;
    int rc;

    FUZZ_ASSERT(scratch_new(&s, &err) == 0);
    rc = array_read_chunk(a, 0, ARRAY_MISSING_FILL, s, &data, NULL, &err);
    /* All that was promised is there to be read. */
    for (uint64_t i = 0; !rc && i < array_chunk_bytes(a); i++)
        seen = ((const unsigned char *)data)[i];
    (void)seen;
    FUZZ_ASSERT(!rc || err.text[0]);
    scratch_free(s);
}

/* The file of the first chunk. */
static void put_chunks(struct store *s, unsigned rank, const uint8_t *data,
                       size_t size)
{
    char name[2 * ARRAY_MAX_RANK + 8] = "a/0";
    struct error err;

    for (unsigned i = 1; i < rank; i++)
        memcpy(name + 1 + 2 * i, ".0", 3);
    FUZZ_ASSERT(store_memory_put(s, name, data, size, &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    size_t meta = zero ? (size_t)(zero - data) : size;
    struct array *a = NULL;
    struct store *s = NULL;
    struct error err;
    bool absent = false;
    int rc;

    FUZZ_ASSERT(store_memory_new(&s, &err) == 0);
    FUZZ_ASSERT(store_memory_put(s, "a/.zarray", data, meta, &err) == 0);
    rc = zarr2_open(s, "a", "a", NULL, &a, &absent, &err);
    FUZZ_ASSERT(!rc || (err.code == (enum error_code)rc && err.text[0]));
    if (!rc && array_chunks(a) > 0 && array_chunk_bytes(a) < CHUNK_BYTES_MAX) {
        put_chunks(s, a->rank, zero ? zero + 1 : NULL,
                   zero ? size - meta - 1 : 0);
        read_chunk(a);
    }
    array_free(a);
    store_free(s);
    return 0;
}
