/*
 * Buffers and decoder states that outlive a chunk.
 *
 * A fresh 64 MiB buffer for each chunk would have every page of it faulted in
 * and zeroed again; kept buffers cost that once a thread.
 */
#include "checkpoint/scratch.h"

#include <stdlib.h>

#include "base/num.h"
#include "checkpoint/shard.h"

/* Encoded bytes may exceed the decoded ones a little, never by so much. */
#define SCRATCH_MAX_IN ((size_t)(2 * ARRAY_MAX_CHUNK_BYTES) + (1U << 20))

int scratch_new(struct scratch **out, struct error *err)
{
    struct scratch *s = calloc(1, sizeof *s);

    if (!s)
        return error_memory(err);
    s->in = BUF_INIT(SCRATCH_MAX_IN);
    *out = s;
    return 0;
}

static void release(struct block *b)
{
    free(b->data);
    *b = (struct block){ .data = NULL };
}

uint64_t scratch_bytes(const struct scratch *s, uint64_t chunk)
{
    return num_max(s->in.len, chunk) + num_max(s->out.cap, chunk);
}

void scratch_trim(struct scratch *s)
{
    buf_done(&s->in);
    s->in = BUF_INIT(SCRATCH_MAX_IN);
    release(&s->out);
    release(&s->order);
    release(&s->piece);
}

void scratch_free(struct scratch *s)
{
    if (!s)
        return;
    scratch_trim(s);
    shard_cache_free(s->shards);
    if (s->deflate)
        libdeflate_free_decompressor(s->deflate);
    ZSTD_freeDCtx(s->zstd);
    free(s);
}

int scratch_room(struct block *b, size_t n, struct error *err)
{
    if (n <= b->cap && b->data)
        return 0;
    free(b->data);
    b->cap = 0;
    b->data = malloc(n ? n : 1);
    if (!b->data)
        return error_memory(err);
    b->cap = n;
    return 0;
}

struct libdeflate_decompressor *scratch_deflate(struct scratch *s)
{
    if (!s->deflate)
        s->deflate = libdeflate_alloc_decompressor();
    return s->deflate;
}

ZSTD_DCtx *scratch_zstd(struct scratch *s)
{
    if (!s->zstd)
        s->zstd = ZSTD_createDCtx();
    return s->zstd;
}
