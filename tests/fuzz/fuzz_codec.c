/*
 * checkpoint/codec.c: the first byte picks the codec, two more the size that is
 * expected, the rest is the chunk as stored.
 */
#include <string.h>

#include "checkpoint/codec.h"
#include "fuzz.h"

static const char *const ids[] = {
    "gzip", "zlib", "zstd", "bz2", "blosc", NULL
};

enum { IDS = sizeof ids / sizeof *ids };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct codec *codec;
    struct scratch *s = NULL;
    unsigned char *out;
    struct error err;
    size_t want;
    int rc;

    if (size < 3)
        return 0;
    codec = codec_find(ids[data[0] % IDS]);
    FUZZ_ASSERT(codec);
    want = (size_t)data[1] << 8 | data[2];
    FUZZ_ASSERT(scratch_new(&s, &err) == 0);
    /* Exactly as large as promised, so that a byte too many is seen. */
    out = malloc(want ? want : 1);
    FUZZ_ASSERT(out);
    rc = codec_decode(codec, s, data + 3, size - 3, out, want, &err);
    FUZZ_ASSERT(!rc || rc == ERR_CHUNK);
    free(out);
    scratch_free(s);
    return 0;
}
