/*
 * Walks the rename table as transformers walks its modules.
 *
 * The rows of a side's layers repeat for each layer, and in them the rows of
 * the experts for each expert. One walk serves both calls, so what is checked
 * is what is listed.
 */
#include "model/tensors.h"

#include <stdlib.h>
#include <string.h>

/* Called for a row in a layer, count tensors of it for each expert or one. */
struct visitor {
    int (*row)(struct visitor *v, size_t row, uint64_t layer, uint64_t expert,
               struct error *err);
    const struct inventory *inv;
    const struct dims *d;
    bool expand; /* visit each expert, not only the first */

    struct model *m; /* listing */
    size_t room;

    struct buf missing; /* checking */
    size_t missing_count;
};

/* Adjacent rows from first that all are, or all are not, cut by experts. */
static size_t run_length(size_t first)
{
    size_t count;
    const struct names_row *rows = names_rows(&count);
    size_t n = 1;

    while (first + n < count && rows[first + n].layered &&
           rows[first + n].side == rows[first].side &&
           names_per_expert(&rows[first + n]) == names_per_expert(&rows[first]))
        n++;
    return n;
}

static int walk_experts(struct visitor *v, size_t first, size_t n,
                        uint64_t layer, struct error *err)
{
    size_t count;
    const struct names_row *rows = names_rows(&count);
    uint64_t experts = 1;
    int rc = 0;

    if (v->expand && names_per_expert(&rows[first]))
        experts = v->d->size[DIM_EXPERTS];
    for (uint64_t e = 0; e < experts && !rc; e++) {
        for (size_t r = first; r < first + n && !rc; r++) {
            if (!dims_wants(v->d, &rows[r], layer))
                continue;
            rc = v->row(v, r, layer, e, err);
        }
    }
    return rc;
}

static int walk_layers(struct visitor *v, size_t first, size_t end,
                       struct error *err)
{
    size_t count;
    enum names_side side = names_rows(&count)[first].side;
    int rc = 0;

    for (uint64_t l = 0; l < v->d->layers[side] && !rc; l++) {
        for (size_t r = first; r < end && !rc; r += run_length(r))
            rc = walk_experts(v, r, run_length(r), l, err);
    }
    return rc;
}

static int walk(struct visitor *v, struct error *err)
{
    size_t count;
    const struct names_row *rows = names_rows(&count);
    size_t end;
    int rc = 0;

    for (size_t r = 0; r < count && !rc; r = end) {
        end = r + 1;
        if (!rows[r].layered) {
            rc = walk_experts(v, r, 1, 0, err);
            continue;
        }
        while (end < count && rows[end].layered &&
               rows[end].side == rows[r].side)
            end++;
        rc = walk_layers(v, r, end, err);
    }
    return rc;
}

static int check_row(struct visitor *v, size_t row, uint64_t layer,
                     uint64_t expert, struct error *err)
{
    enum { SHOWN = 5, ENOUGH = 1000000 };
    size_t count;
    char name[NAMES_MAX];

    (void)expert;
    (void)err;
    if (inventory_find(v->inv, row, layer) != INVENTORY_NONE)
        return 0;
    if (v->missing_count < SHOWN) {
        names_source(&names_rows(&count)[row], layer, name);
        buf_printf(&v->missing, "%s%s", v->missing_count ? ", " : "", name);
    }
    v->missing_count++;
    return v->missing_count == ENOUGH ? ERR_TENSORS : 0;
}

int tensors_check(const struct inventory *inv, const struct dims *d,
                  const char *why, struct error *err)
{
    struct visitor v = {
        .row = check_row, .inv = inv, .d = d, .missing = BUF_INIT(4096)
    };
    const char *list;

    walk(&v, err);
    if (v.missing_count == 0)
        goto out;
    list = buf_str(&v.missing) ? buf_str(&v.missing) : "";
    error_set(err, ERR_TENSORS, "%zu %s missing: %s%s%s", v.missing_count,
              v.missing_count == 1 ? "array is" : "arrays are", list,
              v.missing_count > 5 ? ", ..." : "", why);
    error_subject(err, "%.*s", (int)strcspn(list, ","), list);
    error_expected(err, "%s", list);
    error_actual(err, "%zu missing", v.missing_count);
out:
    buf_done(&v.missing);
    return v.missing_count ? ERR_TENSORS : 0;
}

static int make_room(struct visitor *v, struct error *err)
{
    size_t room = v->room ? v->room * 2 : 256;
    struct model_tensor *grown;

    if (v->m->count < v->room)
        return 0;
    if (v->m->count >= TENSORS_MAX)
        return error_set(err, ERR_LIMIT, "the model has more than %d tensors",
                         TENSORS_MAX);
    grown = realloc(v->m->tensors, room * sizeof *grown);
    if (!grown)
        return error_memory(err);
    v->m->tensors = grown;
    v->room = room;
    return 0;
}

/* The shape of what is written: without the experts' axis, transposed. */
static void set_shape(struct model_tensor *t, const struct array *a,
                      const struct names_row *row)
{
    unsigned skip = names_per_expert(row) ? 1 : 0;

    t->rank = row->rank - skip;
    for (unsigned i = 0; i < t->rank; i++) {
        unsigned axis = row->transpose ? t->rank - 1 - i : i;

        t->shape[i] = a->shape[skip + axis];
    }
}

static int list_row(struct visitor *v, size_t row, uint64_t layer,
                    uint64_t expert, struct error *err)
{
    size_t count;
    const struct names_row *r = &names_rows(&count)[row];
    struct model_tensor *t;
    char name[NAMES_MAX];
    size_t len = names_target(r, layer, expert, name);
    int rc = make_room(v, err);

    if (rc)
        return rc;
    t = &v->m->tensors[v->m->count];
    *t = (struct model_tensor){ .transpose = r->transpose };
    t->name = malloc(len + 1);
    if (!t->name)
        return error_memory(err);
    memcpy(t->name, name, len + 1);
    t->array = inventory_find(v->inv, row, layer);
    t->expert = names_per_expert(r) ? (int64_t)expert : -1;
    set_shape(t, v->inv->checkpoint->arrays[t->array], r);
    if (r->when != WHEN_COPY)
        v->m->parameters += t->shape[0] * (t->rank == 2 ? t->shape[1] : 1);
    v->m->count++;
    return 0;
}

int tensors_list(const struct inventory *inv, const struct dims *d,
                 struct model *m, struct error *err)
{
    struct visitor v = {
        .row = list_row, .inv = inv, .d = d, .expand = true, .m = m
    };

    return walk(&v, err);
}
