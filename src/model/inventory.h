/*
 * The inventory: which array of a checkpoint stands for which row and layer of
 * the rename table, and which arrays stand for none.
 */
#ifndef SWITCHYARD_MODEL_INVENTORY_H
#define SWITCHYARD_MODEL_INVENTORY_H

#include "checkpoint/checkpoint.h"
#include "model/names.h"

#define INVENTORY_NONE SIZE_MAX

struct inventory {
    const struct checkpoint *checkpoint; /* borrowed */
    size_t layers[SIDE_COUNT]; /* the highest layer of each side, plus one */
    size_t *at;                /* [row * width + layer]: array or NONE */
    size_t width;
    size_t *unknown; /* arrays that no row names */
    size_t unknown_count;
};

/* The caller frees it with inventory_done(), also after a failure. */
int inventory_make(const struct checkpoint *c, struct inventory *out,
                   struct error *err);
void inventory_done(struct inventory *inv);

/* The array's index, or INVENTORY_NONE; any layer may be asked for. */
size_t inventory_find(const struct inventory *inv, size_t row, uint64_t layer);

/* True if a layer has an array of a row that stands in such layers only. */
bool inventory_has(const struct inventory *inv, enum names_side side,
                   uint64_t layer, enum names_when when);

#endif
