/*
 * Settings that transformers, or this program, can't make a model of.
 */
#ifndef SWITCHYARD_MODEL_PRETRAINED_CHECK_H
#define SWITCHYARD_MODEL_PRETRAINED_CHECK_H

#include <jansson.h>

#include "base/error.h"

/* ERR_CONFIG names the first such setting, its value and the reason. */
int pretrained_check(const json_t *kwargs, json_t *attributes, const char *what,
                     struct error *err);

/* Sets ERR_CONFIG: "what: key is value: why". */
int pretrained_refuse(struct error *err, const char *what, const char *key,
                      const json_t *value, const char *why);

#endif
