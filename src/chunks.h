/*
 * A cache of decoded chunks within a budget, shared by threads.
 *
 * A chunk that several threads want at once is decoded by one of them. Those
 * used longest ago go first. All calls are safe from any thread.
 */
#ifndef SWITCHYARD_CHUNKS_H
#define SWITCHYARD_CHUNKS_H

#include "checkpoint/array.h"

struct chunks;

/* Members are for chunks.c, but for data: array_chunk_bytes() of them. */
struct chunk {
    const unsigned char *data;
    unsigned char *memory; /* what data points to is the cache's */
    const struct array *array;
    uint64_t index;
    uint64_t bytes;
    unsigned refs;
    bool ready; /* or being decoded */
    bool ahead; /* nobody has used it yet */
    struct chunk *newer, *older;
    struct chunk *next; /* with the same hash */
};

/*
 * memory is for what is decoded and for decoding itself, in at most threads at
 * once. A chunk larger than that stands alone. largest is the bytes of the
 * largest chunk that will be asked for.
 */
int chunks_new(uint64_t memory, unsigned threads, uint64_t largest,
               enum array_missing how, struct chunks **out, struct error *err);

/* No chunk is out. NULL is fine. */
void chunks_free(struct chunks *c);

/* Bytes of decoded chunks that there is room for. */
uint64_t chunks_room(const struct chunks *c);

/*
 * A chunk, until chunks_put(). *decoded, if not NULL, tells whether it was not
 * there. A thread has one at a time.
 */
int chunks_get(struct chunks *c, const struct array *a, uint64_t index,
               struct chunk **out, bool *decoded, struct error *err);
void chunks_put(struct chunks *c, struct chunk *chunk);

/* Whether a chunk is there, or on its way. */
bool chunks_has(struct chunks *c, const struct array *a, uint64_t index);

/*
 * Decodes a chunk that is wanted soon, unless it is there. Such chunks take up
 * to half of the room before they are used: beyond that it waits until one is
 * used. chunks_wake() ends the waiting: then *full is set, and nothing is done.
 */
int chunks_ahead(struct chunks *c, const struct array *a, uint64_t index,
                 bool *decoded, bool *full, struct error *err);

/* Ends the waiting of chunks_ahead(); with forget what was not used counts as
   used. */
void chunks_wake(struct chunks *c, bool forget);

/*
 * Lends all of the memory, which is then the caller's until chunks_restore():
 * others wait for it meanwhile. No chunk may be out in this thread.
 */
uint64_t chunks_borrow(struct chunks *c);
void chunks_restore(struct chunks *c);

/* Chunks that were absent and read as their fill value. */
uint64_t chunks_missing(const struct chunks *c);

#endif
