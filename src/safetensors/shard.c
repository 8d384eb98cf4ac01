/*
 * Which file a tensor goes to, and what the files are called.
 *
 * The rule is huggingface_hub's, including its odd end: a tensor above the
 * maximum gets a file of its own at once, so that file is numbered before the
 * one that is still open.
 */
#include <stdio.h>

#include "base/num.h"
#include "safetensors/safetensors.h"

/* No file is open. */
#define NONE UINT32_MAX

/*
 * Files get their numbers when they are closed, as huggingface_hub appends
 * them to its list: an oversized tensor's at once, the open one's later. So the
 * open file's tensors are marked NONE until it closes.
 */
static void close_file(uint32_t *shard, size_t first, size_t end,
                       uint32_t *files)
{
    bool any = false;

    for (size_t i = first; i < end; i++)
        if (shard[i] == NONE) {
            shard[i] = *files;
            any = true;
        }
    if (any)
        (*files)++;
}

size_t safetensors_shard(const uint64_t *bytes, size_t n, uint64_t max,
                         uint32_t *shard)
{
    uint32_t files = 0;
    uint64_t used = 0;
    size_t first = 0;

    for (size_t i = 0; i < n; i++) {
        if (bytes[i] > max) {
            shard[i] = files++;
            continue;
        }
        if (bytes[i] > max - used) {
            close_file(shard, first, i, &files);
            first = i;
            used = 0;
        }
        shard[i] = NONE;
        used += bytes[i];
    }
    close_file(shard, first, n, &files);
    return files;
}

void safetensors_shard_name(size_t i, size_t n, char name[static 64])
{
    if (n == 1)
        snprintf(name, 64, "model.safetensors");
    else
        snprintf(name, 64, "model-%05zu-of-%05zu.safetensors", i + 1, n);
}
