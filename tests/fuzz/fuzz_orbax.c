/*
 * checkpoint/orbax.c over any bytes as _METADATA: the arrays that come out of
 * it are those that are there, under sound names.
 */
#include <string.h>

#include "checkpoint/checkpoint.h"
#include "fuzz.h"

static const char zarray[] =
    "{\"zarr_format\":2,\"shape\":[2],\"chunks\":[2],\"dtype\":\"<i4\","
    "\"compressor\":null,\"order\":\"C\",\"filters\":null,\"fill_value\":0}";

static void put(struct store *s, const char *name, const void *data, size_t len)
{
    struct error err;

    FUZZ_ASSERT(store_memory_put(s, name, data, len, &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const arrays[] = { "a",        "a.b",  "target.a",
                                          "params.a", "step", "state.step" };
    struct checkpoint *c = NULL;
    struct store *s = NULL;
    struct error err;
    char name[64];
    int rc;

    FUZZ_ASSERT(store_memory_new(&s, &err) == 0);
    put(s, "_METADATA", data, size);
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        snprintf(name, sizeof name, "%s/.zarray", arrays[i]);
        put(s, name, zarray, strlen(zarray));
    }
    rc = checkpoint_open_steal(s, "", &c, &err);
    FUZZ_ASSERT(!rc || (err.code == (enum error_code)rc && err.text[0]));
    for (size_t i = 0; !rc && i < c->count; i++) {
        FUZZ_ASSERT(array_check(c->arrays[i], &err) == 0);
        FUZZ_ASSERT(checkpoint_find(c, c->arrays[i]->name) == c->arrays[i]);
        FUZZ_ASSERT(c->arrays[i]->shape[0] == 2);
    }
    checkpoint_free(c);
    return 0;
}
