/*
 * The model: what Hugging Face's SwitchTransformersForConditionalGeneration
 * expects, worked out from a checkpoint's arrays and checked against what the
 * user states (gin file, config.json, options).
 *
 * model_build() answers, from metadata alone: every tensor of the target in the
 * order of the module tree, with the array it comes from, and the values of
 * config.json and generation_config.json, each with where it came from.
 */
#ifndef SWITCHYARD_MODEL_MODEL_H
#define SWITCHYARD_MODEL_MODEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "checkpoint/checkpoint.h"

struct gin_search;

enum model_compat {
    MODEL_RIGHT,     /* default: what the tensors say, loads everywhere */
    MODEL_REFERENCE, /* the same bytes as the reference converter */
};

/* All text is borrowed for the call; NULL where not given. */
struct model_options {
    enum model_compat compat;
    const void *gin; /* the gin file's text */
    size_t gin_len;
    const char *gin_name;
    const struct gin_search *gin_search; /* for what it includes */
    const void *config;                  /* config.json's text */
    size_t config_len;
    const char *config_name;
    uint64_t num_experts; /* 0: not stated */
};

struct model_tensor {
    char *name;        /* "encoder.block.0.layer.0.SelfAttention.q.weight" */
    size_t array;      /* index into the checkpoint's arrays */
    int64_t expert;    /* slice along the array's first axis, -1: the whole */
    unsigned rank;     /* 1 or 2 */
    uint64_t shape[2]; /* as written: after slicing and transposing */
    bool transpose;
};

/* A value of config.json and where it came from. */
struct model_value {
    char *key;
    char *origin; /* "tensors", "config.json:3", "model.gin:12", "default" */
    json_t *value;
};

struct model {
    struct model_tensor *tensors; /* module order, as shards are filled */
    size_t count;
    struct model_value *values; /* sorted by key */
    size_t value_count;
    json_t *generation;  /* generation_config.json's members */
    uint64_t parameters; /* elements over all arrays used */
    bool tied;
    char **warnings;
    size_t warning_count;
};

/* The checkpoint must outlive the model. The caller frees *out. */
int model_build(const struct checkpoint *c, const struct model_options *o,
                struct model **out, struct error *err);
void model_free(struct model *m);

/*
 * Appends the file's bytes. dtype is the torch name of most tensors written
 * ("float32", "bfloat16", "float16"), for torch_dtype.
 */
void model_write_config(const struct model *m, const char *dtype,
                        struct buf *out);
void model_write_generation_config(const struct model *m, struct buf *out);

#endif
