/*
 * The plan: everything about the output, known before a weight is read.
 *
 * A plan is a pure value made from a checkpoint's metadata and a model: the
 * files, the bytes of their heads, the place of every tensor, and for each
 * array the tensors that are made of it. Everything that converts, shows or
 * streams a model runs a plan.
 */
#ifndef SWITCHYARD_PLAN_H
#define SWITCHYARD_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "checkpoint/checkpoint.h"
#include "model/model.h"

/* Bytes of tensors in a file, unless something else is asked for. */
#define PLAN_SHARD_SIZE 5000000000U

/* DTYPE_NONE as the target means: every tensor keeps its array's dtype. */
struct plan_options {
    enum dtype dtype;
    uint64_t max_shard_size; /* bytes of tensors in a file; 0: 5 GB */
};

struct plan_tensor {
    const struct model_tensor *model;
    enum dtype dtype;
    uint32_t file;   /* index into files */
    uint64_t offset; /* in the file */
    uint64_t bytes;
};

struct plan_file {
    char *name;
    uint64_t size;
    struct buf head;       /* the first bytes; all of them in a text file */
    const size_t *tensors; /* indexes by offset; borrowed from the plan */
    size_t tensor_count;
};

struct plan {
    const struct checkpoint *checkpoint; /* borrowed, as is the model */
    const struct model *model;
    struct plan_file *files; /* tensor files, then index and config files */
    size_t file_count;
    struct plan_tensor *tensors; /* module order */
    size_t tensor_count;
    size_t *by_file;     /* tensor indexes grouped by file, by offset */
    size_t *by_array;    /* tensor indexes grouped by array, by expert */
    size_t *array_first; /* array i owns by_array[first[i] .. first[i+1]) */
    uint64_t bytes;      /* of all files */
};

/* The caller frees *out; checkpoint and model must outlive it. */
int plan_make(const struct checkpoint *c, const struct model *m,
              const struct plan_options *o, struct plan **out,
              struct error *err);
void plan_free(struct plan *p);

/*
 * Calls fn for each tensor that [offset, offset + len) of a file touches: its
 * index in the plan, where in the tensor that begins, where in the span, and
 * how many bytes it has of it. Non-zero from fn ends it and is the result.
 */
typedef int (*plan_piece_fn)(void *ctx, size_t tensor, uint64_t in_tensor,
                             uint64_t in_span, uint64_t len, struct error *err);
int plan_each_piece(const struct plan *p, const struct plan_file *f,
                    uint64_t offset, uint64_t len, plan_piece_fn fn, void *ctx,
                    struct error *err);

/* The plan as JSON, as inspect --json and POST /v1/inspect give it. */
int plan_write_json(const struct plan *p, struct buf *out, struct error *err);

/* The plan for people: arrays, files, config, warnings. */
int plan_write_text(const struct plan *p, struct buf *out, struct error *err);

#endif
