/*
 * checkpoint/t5x.c over any bytes as the index: the arrays that come out of it
 * are sound, and none of their names leads out of the checkpoint.
 */
#include <string.h>

#include "checkpoint/checkpoint.h"
#include "fuzz.h"

/* Reads the first chunk; most have none, since the store holds no more. */
static void read_first(const struct array *a)
{
    struct scratch *s = NULL;
    const void *data = NULL;
    struct error err;

    if (array_chunk_bytes(a) > 1 << 20)
        return;
    FUZZ_ASSERT(scratch_new(&s, &err) == 0);
    array_read_chunk(a, 0, ARRAY_MISSING_FILL, s, &data, NULL, &err);
    scratch_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct checkpoint *c = NULL;
    struct store *s = NULL;
    struct error err;
    int rc;

    FUZZ_ASSERT(store_memory_new(&s, &err) == 0);
    FUZZ_ASSERT(store_memory_put(s, "checkpoint", data, size, &err) == 0);
    rc = checkpoint_open_steal(s, "", &c, &err);
    FUZZ_ASSERT(!rc || (err.code == (enum error_code)rc && err.text[0]));
    for (size_t i = 0; !rc && i < c->count; i++) {
        FUZZ_ASSERT(array_check(c->arrays[i], &err) == 0);
        FUZZ_ASSERT(checkpoint_find(c, c->arrays[i]->name) == c->arrays[i]);
        if (array_chunks(c->arrays[i]) > 0)
            read_first(c->arrays[i]);
    }
    checkpoint_free(c);
    return 0;
}
