/*
 * What a gin file says of a Switch Transformer, in the terms of transformers.
 */
#ifndef SWITCHYARD_MODEL_GIN_MODEL_H
#define SWITCHYARD_MODEL_GIN_MODEL_H

#include <jansson.h>

#include "model/gin.h"

/* at is the binding in which the value stands, perhaps that of a macro. */
struct gin_fact {
    const char *key; /* as in config.json; static */
    json_t *value;
    const struct gin_binding *at;
};

/*
 * Something that Hugging Face's model cannot express: the binding that counts,
 * and where its value stands.
 */
struct gin_refusal {
    struct error error;
    const struct gin_binding *parameter;
    const struct gin_binding *at;
};

/* More are not told apart. */
enum { GIN_MODEL_MAX_REFUSALS = 100 };

/* Bindings are those of the struct gin, which has to outlive it. */
struct gin_model {
    struct gin_fact *facts; /* each key at most once */
    size_t count;
    struct gin_refusal *refusals;
    size_t refusal_count;
    struct error unlisted; /* the last refusal beyond the maximum */
};

/*
 * ERR_GIN where macros form a circle. The caller frees *out with
 * gin_model_done(), also after a failure.
 */
int gin_model_read(const struct gin *g, struct gin_model *out,
                   struct error *err);
void gin_model_done(struct gin_model *m);

/* The fact of key, or NULL. */
const struct gin_fact *gin_model_find(const struct gin_model *m,
                                      const char *key);

#endif
