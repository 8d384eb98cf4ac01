/*
 * The dimensions of a model: read from the shapes of its arrays, or given and
 * checked against them.
 */
#ifndef SWITCHYARD_MODEL_DIMS_H
#define SWITCHYARD_MODEL_DIMS_H

#include "base/error.h"
#include "model/inventory.h"

struct dims {
    uint64_t size[DIM_COUNT];    /* 0: not known */
    const char *from[DIM_COUNT]; /* what tells it: an array's name, or
                                    "config.json"; borrowed */
    uint64_t d_kv;
    uint64_t layers[SIDE_COUNT];
    uint64_t step[SIDE_COUNT];   /* as transformers' sparse_step: 0 none */
    uint64_t sparse[SIDE_COUNT]; /* layers with experts */
    bool untied;
    bool router_bias;
    bool drop_experts; /* more experts than stated are no error */
};

/*
 * transformers' rule for which layers have experts: i % step == 1, all of them
 * where step is 1.
 */
bool dims_sparse(uint64_t step, uint64_t layer);

/* True if the model has a tensor of this row in this layer. */
bool dims_wants(const struct dims *d, const struct names_row *row,
                uint64_t layer);

/*
 * Layers, sparse patterns, head: what the arrays' names tell. ERR_MODEL where
 * transformers' rule can't express the pattern.
 */
int dims_from_names(const struct inventory *inv, struct dims *d,
                    struct error *err);

/*
 * Sizes: sets those that are 0 and checks the others. Every array that the
 * model wants and that is there takes part; ERR_SHAPE names both sides of a
 * contradiction, ERR_DTYPE an array that can't be converted.
 */
int dims_from_shapes(const struct inventory *inv, struct dims *d,
                     struct error *err);

#endif
