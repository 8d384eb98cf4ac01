/*
 * What the user states about a model, each value with where it is stated.
 */
#ifndef SWITCHYARD_MODEL_STATED_H
#define SWITCHYARD_MODEL_STATED_H

#include <jansson.h>

#include "model/model.h"
#include "model/warnings.h"

struct stated_item {
    char *key; /* as in config.json, aliases resolved */
    json_t *value;
    char *origin; /* "num_experts option", "config.json:12", "model.gin:7" */
};

/* By precedence: options, then config.json, then the gin file. */
struct stated {
    struct stated_item *items;
    size_t count;
};

/*
 * config is config.json's content. ERR_GIN where the gin file can't be parsed,
 * ERR_MODEL where it describes a model that can't be expressed. The caller
 * frees *out with stated_done(), also after a failure.
 */
int stated_read(const struct model_options *o, json_t *config,
                struct stated *out, struct warnings *w, struct error *err);
void stated_done(struct stated *s);

/* The item of key that counts, NULL if there is none or it is null. */
const struct stated_item *stated_find(const struct stated *s, const char *key);

#endif
