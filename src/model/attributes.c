/*
 * Attribute tables.
 */
#include "model/attributes.h"

#include <string.h>

#include "model/pyvalue.h"

const struct attribute *attributes_find(const struct attribute *table,
                                        size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].key, key) == 0)
            return &table[i];
    }
    return NULL;
}

int attributes_take(const json_t *source, const struct attribute *table,
                    size_t count, json_t *to, struct error *err)
{
    int rc = 0;

    for (size_t i = 0; i < count && !rc; i++) {
        json_t *value = json_object_get(source, table[i].key);

        if (!value && json_object_get(to, table[i].key))
            continue;
        rc = py_set(to, table[i].key,
                    value ? json_incref(value) : py_literal(table[i].value),
                    err);
    }
    return rc;
}
