/*
 * transformers' configuration classes, as far as their files show them.
 *
 * What SwitchTransformersConfig(**kwargs) of transformers 4.44.2 keeps, and
 * what save_pretrained() then writes into config.json and
 * generation_config.json.
 */
#ifndef SWITCHYARD_MODEL_PRETRAINED_H
#define SWITCHYARD_MODEL_PRETRAINED_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

/* The version whose classes these are, as JSON. */
#define PRETRAINED_VERSION "\"4.44.2\""

struct pretrained {
    json_t *attributes; /* every attribute of the config object */
    json_t *config;     /* what config.json holds, without torch_dtype */
    json_t *generation; /* what generation_config.json holds */
};

/*
 * what names the source of kwargs in messages. ERR_CONFIG where transformers
 * can't make a config, or a model that this program knows, of them. The caller
 * frees *out with pretrained_done(), also after a failure.
 */
int pretrained_make(json_t *kwargs, const char *what, struct pretrained *out,
                    struct error *err);
void pretrained_done(struct pretrained *p);

/* The name that an alias stands for ("hidden_size" is "d_model"), or key. */
const char *pretrained_alias(const char *key);

/*
 * The value as the type that the attribute's default has, where that is equal
 * under Python's ==; else the value itself. A new reference, NULL is no memory.
 */
json_t *pretrained_coerce(const char *key, json_t *value);

/* True if transformers has an activation function of that name. */
bool pretrained_has_activation(const char *name);

#endif
