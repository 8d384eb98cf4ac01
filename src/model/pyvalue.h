/*
 * JSON values under Python's rules, where transformers' behaviour hangs on
 * them: 1 == 1.0 == True, division that rounds down, and what counts as true.
 */
#ifndef SWITCHYARD_MODEL_PYVALUE_H
#define SWITCHYARD_MODEL_PYVALUE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

/* Python's ==. */
bool py_equal(const json_t *a, const json_t *b);

/* Python's bool(). */
bool py_truthy(const json_t *v);

/* True for int, float and bool, with the value. */
bool py_number(const json_t *v, double *out);

/* A whole number within int64: an int, or with floats set an integral float. */
bool py_whole(const json_t *v, bool floats, json_int_t *out);

/* a / b rounded down, for numbers and b > 0; NULL without memory. */
json_t *py_floordiv(const json_t *a, const json_t *b);

/* A new value of JSON text, which is a constant of the program. */
json_t *py_literal(const char *text);

/* Puts a new value into an object, which takes it over; NULL is no memory. */
int py_set(json_t *object, const char *key, json_t *steal, struct error *err);

/* The value as compact JSON, cut to size, for messages; returns text. */
const char *py_format(const json_t *v, char *text, size_t size);

#endif
