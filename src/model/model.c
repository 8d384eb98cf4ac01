/*
 * From arrays to a model.
 *
 * Default mode: sort the arrays by name, refuse what is another model, read the
 * dimensions, check that nothing is missing or left over, lay the statements of
 * the user beside it, list the tensors. The reference's mode goes the other way
 * round: the configuration comes first and the arrays must fit it; what the
 * reference would fill with random values is refused.
 */
#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/config.h"
#include "model/tensors.h"

static bool has_prefix(const struct checkpoint *c, const char *prefix)
{
    for (size_t i = 0; i < c->count; i++) {
        if (strncmp(c->arrays[i]->name, prefix, strlen(prefix)) == 0)
            return true;
    }
    return false;
}

static int refuse_model(const char *subject, struct error *err)
{
    error_subject(err, "%s", subject);
    return error_hint(err, "only encoder-decoder Switch Transformers as "
                           "Hugging Face has them can be converted");
}

/* Other kinds of models, by the names of their arrays. */
static int check_kind(const struct inventory *inv, struct error *err)
{
    const struct checkpoint *c = inv->checkpoint;

    if (c->count == 0)
        return error_set(err, ERR_MODEL, "%s holds no arrays", c->path);
    for (size_t i = 0; i < inv->unknown_count; i++) {
        const char *name = c->arrays[inv->unknown[i]]->name;
        const char *kind = names_foreign(name);

        if (kind) {
            error_set(err, ERR_MODEL,
                      "%s shows a model with %s, which Hugging Face's Switch "
                      "Transformers can't express",
                      name, kind);
            error_actual(err, "%s", kind);
            return refuse_model(name, err);
        }
    }
    if (inv->unknown_count == c->count) {
        error_set(err, ERR_MODEL,
                  "none of the %zu arrays is named as in a Switch Transformer; "
                  "the first is %s",
                  c->count, c->arrays[0]->name);
        return refuse_model(c->arrays[0]->name, err);
    }
    if (!has_prefix(c, "encoder/")) {
        error_set(err, ERR_MODEL,
                  "there is no encoder: this is a decoder-only "
                  "model");
        return refuse_model("encoder/", err);
    }
    if (!has_prefix(c, "decoder/")) {
        error_set(err, ERR_MODEL,
                  "there is no decoder: this is an "
                  "encoder-only model");
        return refuse_model("decoder/", err);
    }
    return 0;
}

/* Arrays that are not used, as a list of the first five. */
struct unused {
    struct buf list;
    size_t count;
    const char *first;
};

static void add_unused(struct unused *u, const char *name)
{
    enum { SHOWN = 5 };

    if (u->count == 0)
        u->first = name;
    if (u->count < SHOWN)
        buf_printf(&u->list, "%s%s", u->count ? ", " : "", name);
    else if (u->count == SHOWN)
        buf_puts(&u->list, ", ...");
    u->count++;
}

static void find_unused(const struct inventory *inv, const struct dims *d,
                        struct unused *u)
{
    size_t count;
    const struct names_row *rows = names_rows(&count);

    for (size_t i = 0; i < inv->unknown_count; i++)
        add_unused(u, inv->checkpoint->arrays[inv->unknown[i]]->name);
    for (size_t r = 0; r < count; r++) {
        for (uint64_t l = 0; l < inv->width; l++) {
            size_t at = inventory_find(inv, r, l);

            if (at == INVENTORY_NONE || rows[r].when == WHEN_COPY ||
                (dims_wants(d, &rows[r], l) &&
                 (!rows[r].layered || l < d->layers[rows[r].side])))
                continue;
            add_unused(u, inv->checkpoint->arrays[at]->name);
        }
    }
}

static int refuse_unused(const struct unused *u, const char *list,
                         struct error *err)
{
    char closest[NAMES_MAX];

    error_set(err, ERR_TENSORS, "%zu %s no place in a Switch Transformer: %s",
              u->count, u->count == 1 ? "array has" : "arrays have", list);
    error_subject(err, "%s", u->first);
    error_actual(err, "%s", list);
    if (names_closest(u->first, closest))
        error_hint(err, "did you mean %s?", closest);
    return ERR_TENSORS;
}

/* Left-over arrays: an error, or where the reference drops them a warning. */
static int check_unused(const struct inventory *inv, const struct dims *d,
                        bool refuse, struct warnings *w, struct error *err)
{
    struct unused u = { .list = BUF_INIT(8192) };
    const char *list;
    int rc = 0;

    find_unused(inv, d, &u);
    list = buf_str(&u.list) ? buf_str(&u.list) : "many";
    if (u.count && refuse)
        rc = refuse_unused(&u, list, err);
    else if (u.count)
        rc = warnings_add(
            w, err, "%zu %s dropped, as the reference drops them: %s", u.count,
            u.count == 1 ? "array is" : "arrays are", list);
    buf_done(&u.list);
    return rc;
}

static int build_right(const struct inventory *inv,
                       const struct model_options *o, struct dims *d,
                       struct config *config, struct warnings *w,
                       struct error *err)
{
    int rc = check_kind(inv, err);

    if (!rc)
        rc = dims_from_names(inv, d, err);
    if (!rc)
        rc = check_unused(inv, d, true, w, err);
    if (!rc)
        rc = tensors_check(inv, d, "", err);
    if (!rc)
        rc = dims_from_shapes(inv, d, err);
    if (!rc)
        rc = config_right(o, d, config, w, err);
    return rc;
}

/* Experts beyond the stated number, which the reference drops. */
static int warn_experts(const struct inventory *inv, const struct dims *d,
                        struct warnings *w, struct error *err)
{
    size_t count;
    const struct names_row *rows = names_rows(&count);
    int rc = 0;

    for (size_t r = 0; r < count && !rc; r++) {
        for (uint64_t l = 0; l < inv->width && !rc; l++) {
            size_t at = inventory_find(inv, r, l);
            const struct array *a;

            if (!names_per_expert(&rows[r]) || at == INVENTORY_NONE ||
                !dims_wants(d, &rows[r], l))
                continue;
            a = inv->checkpoint->arrays[at];
            if (a->shape[0] > d->size[DIM_EXPERTS])
                rc = warnings_add(w, err,
                                  "%s has %llu experts, of which the reference "
                                  "keeps %llu",
                                  a->name, (unsigned long long)a->shape[0],
                                  (unsigned long long)d->size[DIM_EXPERTS]);
        }
    }
    return rc;
}

static int refuse_untied(struct error *err)
{
    error_set(err, ERR_MODEL,
              "tie_word_embeddings is false, and the reference would save "
              "random values as lm_head.weight");
    error_subject(err, "lm_head.weight");
    return error_hint(err, "leave compat=reference out: the head is then taken "
                           "from decoder/logits_dense/kernel");
}

/* How many experts the checkpoint's first expert array has; 0 for none. */
static uint64_t count_experts(const struct inventory *inv)
{
    size_t count;
    const struct names_row *rows = names_rows(&count);

    for (size_t r = 0; r < count; r++) {
        for (uint64_t l = 0; l < inv->width && names_per_expert(&rows[r]);
             l++) {
            size_t at = inventory_find(inv, r, l);

            if (at != INVENTORY_NONE)
                return inv->checkpoint->arrays[at]->shape[0];
        }
    }
    return 0;
}

/*
 * The script's own default of 8 experts is not assumed: with a gin file, which
 * it never asks, the number is the user's or the tensors'.
 */
static int build_reference(const struct inventory *inv,
                           const struct model_options *o, struct dims *d,
                           struct config *config, struct warnings *w,
                           struct error *err)
{
    struct model_options stated = *o;
    int rc;

    if (o->gin && !o->num_experts)
        stated.num_experts = count_experts(inv);
    rc = config_reference(&stated, d, config, w, err);

    if (!rc && d->untied)
        rc = refuse_untied(err);
    if (!rc)
        rc = tensors_check(
            inv, d, " (the reference would save random values there)", err);
    if (!rc)
        rc = dims_from_shapes(inv, d, err);
    if (!rc)
        rc = check_unused(inv, d, false, w, err);
    if (!rc)
        rc = warn_experts(inv, d, w, err);
    return rc;
}

static int compare_values(const void *a, const void *b)
{
    return strcmp(((const struct model_value *)a)->key,
                  ((const struct model_value *)b)->key);
}

static int set_values(struct model *m, const struct config *config,
                      struct error *err)
{
    size_t n = json_object_size(config->values);
    const char *key;
    json_t *value;

    m->values = calloc(n ? n : 1, sizeof *m->values);
    if (!m->values)
        return error_memory(err);
    json_object_foreach (config->values, key, value) {
        struct model_value *v = &m->values[m->value_count++];
        const char *origin =
            json_string_value(json_object_get(config->origins, key));

        v->key = strdup(key);
        v->origin = strdup(origin ? origin : "default");
        v->value = json_incref(value);
        if (!v->key || !v->origin)
            return error_memory(err);
    }
    qsort(m->values, m->value_count, sizeof *m->values, compare_values);
    m->generation = json_incref(config->generation);
    return 0;
}

int model_build(const struct checkpoint *c, const struct model_options *o,
                struct model **out, struct error *err)
{
    struct model *m = calloc(1, sizeof *m);
    struct inventory inv = { 0 };
    struct dims dims = { 0 };
    struct config config = { 0 };
    struct warnings warnings = { 0 };
    int rc = m ? inventory_make(c, &inv, err) : error_memory(err);

    if (!rc && o->compat == MODEL_REFERENCE)
        rc = build_reference(&inv, o, &dims, &config, &warnings, err);
    else if (!rc)
        rc = build_right(&inv, o, &dims, &config, &warnings, err);
    if (!rc)
        rc = tensors_list(&inv, &dims, m, err);
    if (!rc)
        rc = set_values(m, &config, err);
    if (rc)
        goto out;
    m->tied = !dims.untied;
    m->warnings = warnings.texts;
    m->warning_count = warnings.count;
    warnings = (struct warnings){ 0 };
    *out = m;
    m = NULL;
out:
    inventory_done(&inv);
    config_done(&config);
    warnings_done(&warnings);
    model_free(m);
    return rc;
}

void model_free(struct model *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->count; i++)
        free(m->tensors[i].name);
    free(m->tensors);
    for (size_t i = 0; i < m->value_count; i++) {
        free(m->values[i].key);
        free(m->values[i].origin);
        json_decref(m->values[i].value);
    }
    free(m->values);
    json_decref(m->generation);
    for (size_t i = 0; i < m->warning_count; i++)
        free(m->warnings[i]);
    free(m->warnings);
    free(m);
}
