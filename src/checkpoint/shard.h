/*
 * Shards: objects that hold many chunks and an index of them.
 *
 * Format: zarr 3's codec sharding_indexed. The index is an array of pairs
 * (offset, bytes) of u64, one for each chunk in C order, at the end of the
 * shard or its start; offsets count from the shard's first byte; a pair of
 * 2^64-1 is a chunk that is not stored. A chunk may be a shard itself.
 */
#ifndef SWITCHYARD_CHECKPOINT_SHARD_H
#define SWITCHYARD_CHECKPOINT_SHARD_H

#include "checkpoint/chain.h"
#include "checkpoint/inline.h"

enum {
    SHARD_MAX_LEVELS = 8,
    SHARD_MAX_RANK = ARRAY_MAX_RANK - 1, /* an index has one dimension more */
    SHARD_MAX_CHUNKS = 1 << 22,          /* in a shard */
};

/* One level of shards. */
struct shard_level {
    uint64_t shard[ARRAY_MAX_RANK]; /* their shape */
    uint64_t chunk[ARRAY_MAX_RANK]; /* the shape of what they hold */
    uint64_t count;                 /* how many of those a shard holds */
    /* The index counts along dimension order[0] of the array first, and so on.
     */
    unsigned char order[ARRAY_MAX_RANK];
    bool index_first;
    struct chain index; /* its codecs, which are of a fixed size */
};

struct shards {
    uint64_t id;     /* of the array, never used again */
    unsigned levels; /* the first is what objects hold */
    struct shard_level *level;
};

/* An id for the next array. */
uint64_t shard_next_id(void);

/*
 * Finds the innermost chunk at those places of a's grid in the object: its
 * bytes there into *out, or *absent. Reads what s does not remember of the
 * indexes on the way. Errors are as those of codecs.
 */
int shard_find(const struct shards *sh, const struct array *a,
               struct store *store, const char *object, const uint64_t *at,
               struct scratch *s, struct extent *out, bool *absent,
               struct error *err);

/* Whether objects hold one chunk each, so that they may be read whole. */
bool shard_is_single(const struct shards *sh);

/* The same for such an object, which lies in s->in: the chunk's bytes there. */
int shard_find_single(const struct shards *sh, const struct array *a,
                      struct scratch *s, struct extent *out, bool *absent,
                      struct error *err);

/* The indexes that a scratch remembers. */
struct shard_cache;
void shard_cache_free(struct shard_cache *c);

#endif
