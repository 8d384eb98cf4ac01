/*
 * transformers' GenerationConfig, as generation_config.json shows it.
 */
#ifndef SWITCHYARD_MODEL_GENERATION_H
#define SWITCHYARD_MODEL_GENERATION_H

#include <jansson.h>

#include "base/error.h"

/* Adds the file's members to the empty object all, from a config's. */
int generation_make(const json_t *attributes, const char *what, json_t *all,
                    struct error *err);

/*
 * ERR_CONFIG where GenerationConfig.save_pretrained() would raise: settings
 * that have no effect without others, or that contradict each other.
 */
int generation_check(const json_t *generation, const char *what,
                     struct error *err);

#endif
