/*
 * The parts of a stream; private to stream*.c.
 */
#ifndef SWITCHYARD_STREAM_IMPL_H
#define SWITCHYARD_STREAM_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "chunks.h"
#include "schedule.h"
#include "store/spool.h"
#include "stream.h"

/* The tensors of a slab as they are, in a temporary file. */
struct spooled {
    struct spool *spool;
    struct plan plan; /* of the file: its tensors, their places */
    struct plan_file file;
    char name[8];
    size_t *numbers; /* in the stream's plan, ascending */
    unsigned refs;
};

/* The chunks with one place along the slices: what some tensors are made of. */
struct slab {
    uint64_t takers;         /* tensors that are made of it */
    uint64_t bytes;          /* of them */
    uint64_t decodes;        /* of its chunks, since all of it was read */
    uint64_t served;         /* bytes read of its tensors, likewise */
    bool busy;               /* being spooled */
    bool hopeless;           /* there was no room for that */
    struct spooled *spooled; /* or NULL */
};

/* A chunk of a file's tensors, in the order of their use. */
struct cursor {
    size_t tensor; /* a position in the file's tensors */
    uint64_t chunk;
};

/* What reading ahead has to do, and how far it is. */
struct ahead {
    pthread_t *threads;
    unsigned count;
    bool stop;
    uint64_t task; /* counts calls of stream_expect() */
    bool failed;   /* no more of this task: the reader will meet the error */
    size_t file;
    uint64_t at; /* where the reader is */
    uint64_t end;
    struct cursor load; /* what is to be decoded next */
    struct cursor soon; /* what the store is to be told of next */
    uint64_t tells;     /* bytes that it may keep; 0: it is not told */
    pthread_cond_t changed;
};

struct stream {
    const struct plan *plan;
    struct stream_options options;
    struct schedule schedule;
    const struct work *
        *works;          /* of each array; NULL: no tensor is made of it */
    struct slab **slabs; /* of each array, as its work's slabs */
    struct slab *all_slabs;
    struct chunks *chunks;
    _Atomic uint64_t overflowed;
    pthread_mutex_t lock; /* guards slabs and ahead */
    pthread_cond_t spooled;
    struct ahead ahead;
};

/* A tensor and what it is made of. */
struct made {
    size_t number;
    const struct plan_tensor *tensor;
    const struct work *work;
    struct slab *slab;
    uint64_t place; /* of the slab along the slices */
};

struct made stream_made(const struct stream *s, size_t tensor);

/* Chunks of a slab across the rows of a tensor, and down its columns. */
void stream_grid(const struct made *m, uint64_t *across, uint64_t *down);

/* The box of one of them. */
struct box stream_chunk(const struct made *m, uint64_t across, uint64_t down);

/* Whether the chunks of a row of the tensor fit half of the memory. */
bool stream_fits(const struct stream *s, const struct made *m);

/* Whether as many chunks were decoded as the slab has. */
bool stream_is_decoded(const struct made *m);

/* Counts a chunk that was decoded for a slab. */
void stream_count(struct stream *s, struct slab *slab);

/*
 * Reads bytes of the tensor from a temporary file, if its slab is in one or
 * should be; *found tells. Called before a chunk is decoded.
 */
int stream_spooled(struct stream *s, const struct made *m, uint64_t offset,
                   void *dst, size_t len, bool *found, struct error *err);
void stream_spool_free(struct spooled *p);

/* Takes memory for what the store may fetch ahead, if it does. */
void stream_ahead_start(struct stream *s, uint64_t *memory);

/* Tells those who read ahead where the reader is. */
void stream_ahead_at(struct stream *s, size_t file, uint64_t offset);
void stream_ahead_stop(struct stream *s);

#endif
