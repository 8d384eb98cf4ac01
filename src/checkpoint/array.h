/*
 * An array of a checkpoint: a name, a shape, a dtype and a grid of chunks.
 *
 * Whatever the layout on disk (zarr folders, arrays inside a msgpack index), an
 * array reads the same way: chunk by chunk, each a full block of the chunk
 * shape, C order, native byte order. Arrays are immutable once made, so
 * several threads may read chunks at once, each with a scratch of its own.
 */
#ifndef SWITCHYARD_CHECKPOINT_ARRAY_H
#define SWITCHYARD_CHECKPOINT_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "tensor/dtype.h"

enum { ARRAY_MAX_RANK = 32 };

/* A chunk beyond this many decoded bytes is refused when the array is made. */
#define ARRAY_MAX_CHUNK_BYTES ((uint64_t)16 << 30)

struct array;
struct scratch;

/* How an absent chunk reads. */
enum array_missing {
    ARRAY_MISSING_ERROR, /* where absence means lost data */
    ARRAY_MISSING_FILL,  /* the fill value, zeros if there is none */
};

struct array_ops {
    /*
     * Decodes chunk index (C order over the grid) and points *data at
     * chunk_bytes(a) bytes, which stay valid until s is used again. Where the
     * chunk is absent: ERR_CHUNK_MISSING, or the fill value and *missing set.
     */
    int (*read_chunk)(const struct array *a, uint64_t index,
                      enum array_missing how, struct scratch *s,
                      const void **data, bool *missing, struct error *err);
    /* See array_soon(); NULL where there is nothing to fetch. */
    bool (*soon)(const struct array *a, uint64_t index);
    void (*free)(struct array *a);
};

/* Implementations embed this as their first member. */
struct array {
    const struct array_ops *ops;
    char *name;        /* "encoder/layers_0/mlp/wi/kernel" */
    const char *codec; /* static: "gzip", "blosc", "raw", "inline", ... */
    enum dtype dtype;
    unsigned rank;
    uint64_t shape[ARRAY_MAX_RANK];
    uint64_t chunk[ARRAY_MAX_RANK]; /* 1 or more in every dimension */
    bool fill_is_number; /* then an absent chunk is normal, not lost data */
};

/*
 * Everything a thread needs to decode chunks: input and output buffers and
 * decoder states, kept between chunks. Peak memory is that of the largest
 * chunk read: its encoded and its decoded bytes, and a second decoded copy
 * where the chunk is in another order or shuffled. Indexes of shards are kept
 * in a few megabytes more.
 */
int scratch_new(struct scratch **out, struct error *err);
void scratch_free(struct scratch *s);

/*
 * Bytes that it will hold once a chunk of chunk bytes was read with it, encoded
 * and decoded; and to give back what it holds now.
 */
uint64_t scratch_bytes(const struct scratch *s, uint64_t chunk);
void scratch_trim(struct scratch *s);

/* Elements and bytes; the constructor has checked that they fit. */
uint64_t array_elements(const struct array *a);
uint64_t array_bytes(const struct array *a);
uint64_t array_chunk_bytes(const struct array *a);

/* Chunks along one dimension (0 where the shape is 0), and in all. */
uint64_t array_grid(const struct array *a, unsigned dim);
uint64_t array_chunks(const struct array *a);

/* The place of chunk index in the grid, into the first rank members of at. */
void array_locate(const struct array *a, uint64_t index, uint64_t *at);

/*
 * Reads a chunk as described at read_chunk. With ARRAY_MISSING_ERROR an absent
 * chunk of an array whose fill value is a number still reads as that number
 * (*missing stays false), since writers leave such chunks out.
 */
int array_read_chunk(const struct array *a, uint64_t index,
                     enum array_missing how, struct scratch *s,
                     const void **data, bool *missing, struct error *err);

/*
 * Says that a chunk will be read soon, so that a store far away can send it
 * meanwhile. False if there is no room for it yet: say it again later.
 */
bool array_soon(const struct array *a, uint64_t index);

/* Checks rank, shape, chunk and dtype for sanity and overflow. */
int array_check(const struct array *a, struct error *err);

void array_free(struct array *a);

#endif
