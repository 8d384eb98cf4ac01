/*
 * The configuration: what the tensors tell, what the user states, defaults.
 */
#ifndef SWITCHYARD_MODEL_CONFIG_H
#define SWITCHYARD_MODEL_CONFIG_H

#include "model/dims.h"
#include "model/model.h"
#include "model/warnings.h"

enum { CONFIG_MAX_BYTES = 4 << 20, CONFIG_MAX_MEMBERS = 1000 };

struct config {
    json_t *values;     /* config.json's members, without torch_dtype */
    json_t *generation; /* generation_config.json's */
    json_t *origins;    /* key: where its value came from */
};

/* The caller frees *out with config_done(), also after a failure. */
void config_done(struct config *c);

/*
 * Default mode. d holds what the tensors tell; ERR_CONFLICT names a stated
 * value that contradicts it, and where it is stated.
 */
int config_right(const struct model_options *o, const struct dims *d,
                 struct config *out, struct warnings *w, struct error *err);

/*
 * As the reference makes it, from the gin file or else config.json alone; sets
 * *d to the dimensions that its model then has.
 */
int config_reference(const struct model_options *o, struct dims *d,
                     struct config *out, struct warnings *w, struct error *err);

/*
 * Parses config.json: an object of at most CONFIG_MAX_MEMBERS; a new empty one
 * where none is given.
 */
int config_read(const struct model_options *o, json_t **out, struct error *err);

#endif
