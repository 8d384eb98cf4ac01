/*
 * A thread's working memory for decoding chunks, kept between chunks. The
 * public part (scratch_new, scratch_free) is in array.h; this is for the
 * decoders.
 */
#ifndef SWITCHYARD_CHECKPOINT_SCRATCH_H
#define SWITCHYARD_CHECKPOINT_SCRATCH_H

#include <libdeflate.h>
#include <stddef.h>
#include <zstd.h>

#include "base/buf.h"
#include "checkpoint/array.h"

/* Grows to exactly what is asked for; chunks of one array are equal. */
struct block {
    unsigned char *data;
    size_t cap;
};

struct scratch {
    struct buf in;              /* a chunk as stored */
    struct block out;           /* decoded */
    struct block order;         /* decoded, then brought into C order */
    struct block piece;         /* one block of a blosc frame, still shuffled */
    struct shard_cache *shards; /* indexes of shards, by shard.c; or NULL */
    struct libdeflate_decompressor *deflate;
    ZSTD_DCtx *zstd;
};

/* Room for n bytes (1 or more) in b; what was there may be lost. */
int scratch_room(struct block *b, size_t n, struct error *err);

/* The decoders, made at first use; NULL if memory runs out. */
struct libdeflate_decompressor *scratch_deflate(struct scratch *s);
ZSTD_DCtx *scratch_zstd(struct scratch *s);

#endif
