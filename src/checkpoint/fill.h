/*
 * Zarr's fill values: what an absent chunk reads as.
 */
#ifndef SWITCHYARD_CHECKPOINT_FILL_H
#define SWITCHYARD_CHECKPOINT_FILL_H

#include <jansson.h>
#include <stdbool.h>

#include "tensor/dtype.h"

enum { FILL_MAX_BYTES = 16 };

/*
 * The element that a fill_value of .zarray stands for, into value, in native
 * byte order; big says how the array's elements are stored. False if it is no
 * value of dtype. null is none: callers look for it first.
 */
bool fill_parse(const json_t *json, enum dtype dtype, bool big,
                unsigned char value[static FILL_MAX_BYTES]);

/*
 * The same for zarr.json: there is no null, no base64 and no decimal in a text,
 * but "0x7fc00000" for the bits of a float.
 */
bool fill_parse_zarr3(const json_t *json, enum dtype dtype,
                      unsigned char value[static FILL_MAX_BYTES]);

/* count elements of dtype, each with that value. */
void fill_elements(void *dst, size_t count, enum dtype dtype,
                   const unsigned char *value);

#endif
