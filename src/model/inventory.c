/*
 * Sorts a checkpoint's arrays into the rename table.
 *
 * An array of a layer that no model has counts as unknown, so that the table
 * stays small whatever the names say.
 */
#include "model/inventory.h"

#include <stdlib.h>

enum { MAX_LAYERS = 4096 };

static int allocate(const struct checkpoint *c, struct inventory *inv,
                    struct error *err)
{
    size_t rows;

    names_rows(&rows);
    inv->checkpoint = c;
    inv->unknown = calloc(c->count + 1, sizeof *inv->unknown);
    if (!inv->unknown)
        return error_memory(err);
    for (size_t i = 0; i < c->count; i++) {
        size_t row;
        uint64_t layer;

        if (names_match(c->arrays[i]->name, &row, &layer) &&
            layer < MAX_LAYERS && layer + 1 > inv->width)
            inv->width = (size_t)layer + 1;
    }
    if (inv->width == 0)
        inv->width = 1;
    inv->at = calloc(rows * inv->width, sizeof *inv->at);
    if (!inv->at)
        return error_memory(err);
    for (size_t i = 0; i < rows * inv->width; i++)
        inv->at[i] = INVENTORY_NONE;
    return 0;
}

static void place(struct inventory *inv, size_t array)
{
    const struct names_row *rows;
    size_t count;
    size_t row;
    uint64_t layer;

    rows = names_rows(&count);
    if (!names_match(inv->checkpoint->arrays[array]->name, &row, &layer) ||
        layer >= inv->width) {
        inv->unknown[inv->unknown_count++] = array;
        return;
    }
    inv->at[row * inv->width + layer] = array;
    if (rows[row].layered && rows[row].when != WHEN_FIRST &&
        layer + 1 > inv->layers[rows[row].side])
        inv->layers[rows[row].side] = (size_t)layer + 1;
}

int inventory_make(const struct checkpoint *c, struct inventory *out,
                   struct error *err)
{
    int rc;

    *out = (struct inventory){ 0 };
    rc = allocate(c, out, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < c->count; i++)
        place(out, i);
    return 0;
}

void inventory_done(struct inventory *inv)
{
    free(inv->at);
    free(inv->unknown);
    *inv = (struct inventory){ 0 };
}

size_t inventory_find(const struct inventory *inv, size_t row, uint64_t layer)
{
    size_t count;

    if (names_rows(&count)[row].when == WHEN_COPY)
        row = 0;
    return layer < inv->width ? inv->at[row * inv->width + layer]
                              : INVENTORY_NONE;
}

bool inventory_has(const struct inventory *inv, enum names_side side,
                   uint64_t layer, enum names_when when)
{
    size_t count;
    const struct names_row *rows = names_rows(&count);

    for (size_t i = 0; i < count; i++) {
        if (rows[i].side == side && rows[i].layered && rows[i].when == when &&
            inventory_find(inv, i, layer) != INVENTORY_NONE)
            return true;
    }
    return false;
}
