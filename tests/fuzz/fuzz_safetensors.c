/*
 * safetensors/reader.c: any bytes as the head of a file; what is accepted is
 * laid out without gaps, and writing it again gives a header that reads back.
 */
#include <string.h>

#include "base/num.h"
#include "fuzz.h"
#include "safetensors/safetensors.h"

/* The file's size that would fit the header: where its last tensor ends. */
static uint64_t guess_size(const uint8_t *data, size_t size)
{
    uint64_t extra = size >= 16 ? num_le64(data + size - 8) % 100000 : 0;

    return size + extra;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint64_t sizes[] = { size, guess_size(data, size), size + 24 };
    struct safetensors_header h;
    struct error err;
    uint64_t end;
    int rc;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        rc = safetensors_read_header(data, size, sizes[i], "file", &h, &err);
        FUZZ_ASSERT(!rc || rc == ERR_SAFETENSORS);
        if (rc)
            continue;
        end = 8 + num_le64(data);
        for (size_t k = 0; k < h.count; k++) {
            FUZZ_ASSERT(h.tensors[k].begin == end);
            end = h.tensors[k].end;
        }
        FUZZ_ASSERT(end == sizes[i]);
        safetensors_header_done(&h);
    }
    return 0;
}
