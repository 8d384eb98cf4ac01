/*
 * checkpoint/blosc.c and what stands below it (blosclz, snappy, shuffle): any
 * frame, decoded into as many bytes as its own header claims.
 */
#include <string.h>

#include "base/num.h"
#include "checkpoint/blosc.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scratch *s = NULL;
    unsigned char *out;
    struct error err;
    size_t claim = size >= 8 ? num_le32(data + 4) : 16;
    size_t got = 0;
    int rc;

    if (claim > 1 << 20)
        claim = 1 << 20;
    FUZZ_ASSERT(scratch_new(&s, &err) == 0);
    out = malloc(claim ? claim : 1);
    FUZZ_ASSERT(out);
    rc = blosc_decode(s, data, size, out, claim, &got, &err);
    FUZZ_ASSERT(rc ? rc == ERR_CHUNK : got <= claim);
    free(out);
    scratch_free(s);
    return 0;
}
