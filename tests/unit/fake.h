/*
 * Arrays whose values are computed from their indexes, and plans made by hand
 * over them: what the tests of a conversion read, and what it should write.
 */
#ifndef SWITCHYARD_TESTS_FAKE_H
#define SWITCHYARD_TESTS_FAKE_H

#include <stdatomic.h>

#include "checkpoint/scratch.h"
#include "plan.h"

enum { FAKE_MAX = 64 };

/* What a fake array does besides returning its values. */
struct fake {
    struct array base;
    uint64_t seed;
    uint64_t fails;              /* reading this chunk is ERR_CHUNK */
    uint64_t absent;             /* this chunk is missing and reads as zeros */
    atomic_uint *reads;          /* of each chunk */
    atomic_bool *cancel;         /* set once a chunk was read; may be NULL */
    atomic_uint *now, *together; /* reads in progress, and the most; NULL */
};

/* A plan with the arrays and texts that it points into. */
struct fake_plan {
    struct checkpoint checkpoint;
    struct model model;
    struct plan plan;
    struct array *arrays[FAKE_MAX];
    struct fake fakes[FAKE_MAX];
    struct model_tensor model_tensors[FAKE_MAX];
    struct plan_tensor tensors[FAKE_MAX];
    struct plan_file files[FAKE_MAX];
    size_t by_array[FAKE_MAX];
    size_t by_file[FAKE_MAX];
    size_t array_first[FAKE_MAX + 1];
    char names[2][FAKE_MAX][8];
    char file_names[FAKE_MAX][8];
};

uint64_t fake_random(void);
uint64_t fake_below(uint64_t n);

void fake_plan_init(struct fake_plan *f);
void fake_plan_done(struct fake_plan *f);

/* Adds an array; rank values each in shape and chunk. */
struct fake *fake_add_array(struct fake_plan *f, enum dtype dtype,
                            unsigned rank, const uint64_t *shape,
                            const uint64_t *chunk);

/* Adds a tensor made of the array added last. */
void fake_add_tensor(struct fake_plan *f, int64_t expert, bool transpose,
                     enum dtype dtype);

/* An array of any rank, shape and grid, and up to six tensors made of it. */
void fake_add_random_array(struct fake_plan *f);

/* Spreads the tensors over files and adds a text file. */
void fake_finish(struct fake_plan *f, size_t tensor_files);

/* Does the reading of an array's chunk. */
extern const struct array_ops fake_ops;

/* The whole of a file, element by element, to be freed. */
unsigned char *fake_expect(const struct fake_plan *f, size_t file,
                           uint64_t *overflowed);

/* Chunks that some tensor needs; also marks them in wanted, if not NULL. */
uint64_t fake_wanted(const struct fake_plan *f, size_t array, bool *wanted);

#endif
