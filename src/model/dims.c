/*
 * Dimensions by unification: the first array that has a dimension sets it,
 * every later one must agree.
 *
 * Where the dimensions are given beforehand (the reference reads them from a
 * configuration, never from the tensors), the same walk is the check.
 */
#include "model/dims.h"

#include <stdio.h>

#include "base/buf.h"

static const char *const side_names[SIDE_COUNT] = {
    [SIDE_ENCODER] = "encoder",
    [SIDE_DECODER] = "decoder",
};

bool dims_sparse(uint64_t step, uint64_t layer)
{
    return step == 1 || (step > 1 && layer % step == 1);
}

bool dims_wants(const struct dims *d, const struct names_row *row,
                uint64_t layer)
{
    bool sparse = row->layered && dims_sparse(d->step[row->side], layer);

    switch (row->when) {
    case WHEN_ALWAYS:
        return true;
    case WHEN_FIRST:
        return layer == 0;
    case WHEN_DENSE:
        return !sparse;
    case WHEN_SPARSE:
        return sparse;
    case WHEN_BIAS:
        return sparse && d->router_bias;
    case WHEN_UNTIED:
    case WHEN_COPY:
        return d->untied;
    }
    return false;
}

/* "1, 4, 7 of 9" for the layers with experts. */
static void describe_pattern(const struct inventory *inv, enum names_side side,
                             char *text, size_t size)
{
    struct buf b = BUF_INIT(256);
    size_t layers = inv->layers[side];

    for (size_t i = 0; i < layers && b.len < 80; i++) {
        if (inventory_has(inv, side, i, WHEN_SPARSE))
            buf_printf(&b, "%s%zu", b.len ? ", " : "", i);
    }
    snprintf(text, size, "%s%s of %zu layers", buf_str(&b) ? buf_str(&b) : "",
             b.len >= 80 ? ", ..." : "", layers);
    buf_done(&b);
}

static int refuse_pattern(const struct inventory *inv, enum names_side side,
                          struct error *err)
{
    char pattern[128];

    describe_pattern(inv, side, pattern, sizeof pattern);
    error_set(err, ERR_MODEL,
              "the %s's sparse layers (%s) follow no pattern that Hugging "
              "Face's Switch Transformers can express",
              side_names[side], pattern);
    error_subject(err, "%s", side_names[side]);
    error_expected(err, "none, all, or layers 1, 1 + n, 1 + 2n, ...");
    error_actual(err, "%s", pattern);
    return error_hint(err, "transformers makes layer i sparse where "
                           "i %% sparse_step == 1; no setting changes that");
}

/*
 * The step that gives the pattern of one side's arrays. A layer that has
 * neither kind is no reason to refuse it here: its arrays are missing.
 */
static int detect_pattern(const struct inventory *inv, enum names_side side,
                          struct dims *d, struct error *err)
{
    size_t layers = inv->layers[side];
    size_t count = 0;
    size_t first = 0;
    size_t second = 0;

    for (size_t i = 0; i < layers; i++) {
        if (!inventory_has(inv, side, i, WHEN_SPARSE))
            continue;
        count++;
        if (count == 1)
            first = i;
        else if (count == 2)
            second = i;
    }
    d->sparse[side] = count;
    if (count == 0)
        d->step[side] = 0;
    else if (count == layers)
        d->step[side] = 1;
    else
        d->step[side] = count == 1 ? layers : second - first;
    for (size_t i = 0; i < layers; i++) {
        enum names_when other =
            dims_sparse(d->step[side], i) ? WHEN_DENSE : WHEN_SPARSE;

        if (inventory_has(inv, side, i, other) &&
            (other == WHEN_SPARSE || !inventory_has(inv, side, i, WHEN_SPARSE)))
            return refuse_pattern(inv, side, err);
    }
    return 0;
}

int dims_from_names(const struct inventory *inv, struct dims *d,
                    struct error *err)
{
    size_t count;
    const struct names_row *rows = names_rows(&count);
    int rc = 0;

    for (int side = 0; side < SIDE_COUNT && !rc; side++) {
        d->layers[side] = inv->layers[side];
        rc = detect_pattern(inv, (enum names_side)side, d, err);
        for (size_t i = 0; i < inv->layers[side]; i++) {
            if (inventory_has(inv, (enum names_side)side, i, WHEN_BIAS))
                d->router_bias = true;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (rows[i].when == WHEN_UNTIED &&
            inventory_find(inv, i, 0) != INVENTORY_NONE)
            d->untied = true;
    }
    return rc;
}

static void format_shape(const struct array *a, char *text, size_t size)
{
    struct buf b = BUF_INIT(1024);

    for (unsigned i = 0; i < a->rank; i++)
        buf_printf(&b, "%s%llu", i ? ", " : "",
                   (unsigned long long)a->shape[i]);
    snprintf(text, size, "[%s]", buf_str(&b) ? buf_str(&b) : "");
    buf_done(&b);
}

static int refuse_rank(const struct array *a, const struct names_row *row,
                       struct error *err)
{
    char shape[128];

    format_shape(a, shape, sizeof shape);
    error_set(err, ERR_SHAPE, "%s has shape %s, not %u dimensions", a->name,
              shape, row->rank);
    error_subject(err, "%s", a->name);
    error_expected(err, "%u dimensions", row->rank);
    return error_actual(err, "%s", shape);
}

static const char *dim_name(enum names_dim dim)
{
    static const char *const names[DIM_COUNT] = {
        [DIM_VOCAB] = "vocab_size",
        [DIM_MODEL] = "d_model",
        [DIM_INNER] = "num_heads times d_kv",
        [DIM_HEADS] = "num_heads",
        [DIM_BUCKETS] = "relative_attention_num_buckets",
        [DIM_FF] = "d_ff",
        [DIM_EXPERTS] = "num_experts",
    };

    return names[dim];
}

static int refuse_size(const struct array *a, unsigned axis, enum names_dim dim,
                       const struct dims *d, struct error *err)
{
    char shape[128];

    format_shape(a, shape, sizeof shape);
    error_set(err, ERR_SHAPE,
              "%s has shape %s, whose axis %u should be %s = %llu as in %s",
              a->name, shape, axis, dim_name(dim),
              (unsigned long long)d->size[dim], d->from[dim]);
    error_subject(err, "%s", a->name);
    error_expected(err, "%llu at axis %u (%s, from %s)",
                   (unsigned long long)d->size[dim], axis, dim_name(dim),
                   d->from[dim]);
    error_actual(err, "%s", shape);
    if (dim == DIM_FF)
        error_hint(err, "Hugging Face's model has one d_ff for dense layers "
                        "and experts");
    return ERR_SHAPE;
}

static int unify_array(const struct array *a, const struct names_row *row,
                       struct dims *d, struct error *err)
{
    if (a->rank != row->rank)
        return refuse_rank(a, row, err);
    if (!dtype_info(a->dtype)->castable) {
        error_set(err, ERR_DTYPE,
                  "%s is of dtype %s, which no model tensor can hold", a->name,
                  dtype_info(a->dtype)->name ? dtype_info(a->dtype)->name
                                             : "unknown");
        error_expected(err, "real numbers");
        return error_subject(err, "%s", a->name);
    }
    for (unsigned i = 0; i < a->rank; i++) {
        enum names_dim dim = row->dims[i];

        if (d->size[dim] == 0 && a->shape[i] > 0) {
            d->size[dim] = a->shape[i];
            d->from[dim] = a->name;
        }
        if (i == 0 && names_per_expert(row) && d->drop_experts &&
            a->shape[i] > d->size[dim])
            continue;
        if (a->shape[i] != d->size[dim])
            return refuse_size(a, i, dim, d, err);
        if (a->shape[i] == 0) {
            error_set(err, ERR_SHAPE, "%s is empty", a->name);
            return error_subject(err, "%s", a->name);
        }
    }
    return 0;
}

static int unify_all(const struct inventory *inv, struct dims *d,
                     struct error *err)
{
    size_t count;
    const struct names_row *rows = names_rows(&count);
    int rc = 0;

    for (size_t r = 0; r < count && !rc; r++) {
        for (uint64_t l = 0; l < inv->width && !rc; l++) {
            size_t at = inventory_find(inv, r, l);

            if (at == INVENTORY_NONE || !dims_wants(d, &rows[r], l) ||
                (rows[r].layered && l >= d->layers[rows[r].side]))
                continue;
            rc = unify_array(inv->checkpoint->arrays[at], &rows[r], d, err);
        }
    }
    return rc;
}

int dims_from_shapes(const struct inventory *inv, struct dims *d,
                     struct error *err)
{
    uint64_t inner;
    uint64_t heads;
    int rc = unify_all(inv, d, err);

    inner = d->size[DIM_INNER];
    heads = d->size[DIM_HEADS];
    if (rc || inner == 0 || heads == 0 || d->d_kv != 0)
        return rc;
    if (inner % heads != 0) {
        error_set(err, ERR_SHAPE,
                  "%s has %llu columns, which %llu heads (%s) don't divide",
                  d->from[DIM_INNER], (unsigned long long)inner,
                  (unsigned long long)heads, d->from[DIM_HEADS]);
        error_expected(err, "a multiple of %llu", (unsigned long long)heads);
        error_actual(err, "%llu", (unsigned long long)inner);
        return error_subject(err, "%s", d->from[DIM_INNER]);
    }
    d->d_kv = inner / heads;
    return 0;
}
