/*
 * A gin file as the reference converter reads it: with two regular expressions.
 */
#ifndef SWITCHYARD_MODEL_REFERENCE_GIN_H
#define SWITCHYARD_MODEL_REFERENCE_GIN_H

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"

/*
 * The arguments that it passes to SwitchTransformersConfig(): the caller owns
 * *out. ERR_GIN where it stops with an exception. num_experts is 8 where 0.
 */
int reference_gin_read(const void *text, size_t len, const char *name,
                       uint64_t num_experts, json_t **out, struct error *err);

#endif
