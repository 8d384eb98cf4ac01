/*
 * Tables of attributes with defaults, as Python classes have them.
 */
#ifndef SWITCHYARD_MODEL_ATTRIBUTES_H
#define SWITCHYARD_MODEL_ATTRIBUTES_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

struct attribute {
    const char *key;
    const char *value; /* the default, as JSON */
};

#define ATTRIBUTES(table) (table), sizeof(table) / sizeof(table)[0]

/* The entry of key, or NULL. */
const struct attribute *attributes_find(const struct attribute *table,
                                        size_t count, const char *key);

/*
 * Copies each attribute from source, or its default; one that to has already
 * and source has not stays.
 */
int attributes_take(const json_t *source, const struct attribute *table,
                    size_t count, json_t *to, struct error *err);

#endif
