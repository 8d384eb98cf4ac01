/*
 * Names: which array of a checkpoint becomes which tensor of the model.
 *
 * One table, in the order of Hugging Face's module tree, is read both ways: to
 * recognise an array's name, and to write a tensor's.
 */
#ifndef SWITCHYARD_MODEL_NAMES_H
#define SWITCHYARD_MODEL_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The dimensions that shapes are made of. */
enum names_dim {
    DIM_NONE,
    DIM_VOCAB,
    DIM_MODEL,
    DIM_INNER, /* heads times d_kv */
    DIM_HEADS,
    DIM_BUCKETS,
    DIM_FF,
    DIM_EXPERTS,
    DIM_COUNT
};

enum names_side { SIDE_ENCODER, SIDE_DECODER, SIDE_COUNT, SIDE_NONE };

/* When the model has the tensor. */
enum names_when {
    WHEN_ALWAYS,
    WHEN_FIRST,  /* in layer 0 */
    WHEN_DENSE,  /* in a layer without experts */
    WHEN_SPARSE, /* in a layer with experts */
    WHEN_BIAS,   /* in one whose router has a bias */
    WHEN_UNTIED, /* where the head is a matrix of its own */
    WHEN_COPY,   /* the same, and the array is that of row 0 */
};

enum { NAMES_RANK = 3, NAMES_MAX = 128 };

struct names_row {
    const char *source; /* {i} is the layer */
    const char *target; /* {i} likewise, {e} the expert */
    enum names_side side;
    bool layered; /* stands in each layer's part of the order */
    enum names_when when;
    unsigned rank;
    enum names_dim dims[NAMES_RANK]; /* of the array */
    bool transpose;
};

/* The table, in module order; the rows of a side's layers are adjacent. */
const struct names_row *names_rows(size_t *count);

/* True if the array is cut along its first axis, a tensor for each expert. */
bool names_per_expert(const struct names_row *row);

/* The first row that name belongs to, and its layer; false if there is none. */
bool names_match(const char *name, size_t *row, uint64_t *layer);

/* Writes an array's or a tensor's name; returns its length. */
size_t names_source(const struct names_row *row, uint64_t layer,
                    char text[static NAMES_MAX]);
size_t names_target(const struct names_row *row, uint64_t layer,
                    uint64_t expert, char text[static NAMES_MAX]);

/*
 * What kind of model has an array of this name, where it is one that Switch
 * Transformers can't express ("gated experts ..."), else NULL. Static.
 */
const char *names_foreign(const char *name);

/*
 * The known name that is closest to an unknown one, written to text; false
 * where none is close.
 */
bool names_closest(const char *name, char text[static NAMES_MAX]);

#endif
