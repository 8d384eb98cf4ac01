/*
 * Zarr 3 codecs: the list that an array, a shard or a shard's index names.
 *
 * As written, left to right: any number of transposes, the one codec that makes
 * bytes of elements, then codecs from bytes to bytes. Reading goes from right
 * to left.
 */
#ifndef SWITCHYARD_CHECKPOINT_CHAIN_H
#define SWITCHYARD_CHECKPOINT_CHAIN_H

#include "checkpoint/array.h"
#include "checkpoint/codec.h"

enum { CHAIN_MAX_STAGES = 8 };

struct chain {
    /* Dimension i of a block as stored is dimension order[i] of the block. */
    unsigned char order[ARRAY_MAX_RANK];
    bool big; /* elements are stored big endian */
    unsigned char stages;
    const struct codec *stage[CHAIN_MAX_STAGES]; /* in order of writing */
};

/* A block: what a chunk decodes to. */
struct chain_block {
    enum dtype dtype;
    unsigned rank;
    const uint64_t *shape;
    size_t bytes;
};

/* A codec from bytes to bytes by zarr 3's name; NULL if there is none. */
const struct codec *chain_codec(const char *name);

/* The names of those, for messages. */
const char *chain_codec_names(void);

/* What to call it in a table: the compressor, or "raw". */
const char *chain_name(const struct chain *c);

/* Whether encoded blocks are all of one size; *extra is what a chunk has more
   than its block. */
bool chain_is_fixed(const struct chain *c, size_t *extra);

/*
 * n bytes at data, which lie in s->in, to the block: in C order and native byte
 * order, at *out, in a buffer of s. Errors are ERR_CHUNK, with a predicate for
 * text, as those of codecs.
 */
int chain_decode(const struct chain *c, const struct chain_block *b,
                 struct scratch *s, unsigned char *data, size_t n,
                 unsigned char **out, struct error *err);

#endif
