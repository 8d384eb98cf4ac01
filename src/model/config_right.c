/*
 * The default mode: what the tensors say wins, and what contradicts them is an
 * error.
 *
 * The facts (sizes, layers, experts, head) are compared with every statement
 * about them, then laid over config.json's members, to which the gin file adds
 * what config.json leaves out; the rest is transformers' defaults. So every
 * member that the reference would write from the same file is there as well.
 */
#include <stdio.h>
#include <string.h>

#include "model/config.h"
#include "model/pretrained.h"
#include "model/pyvalue.h"
#include "model/stated.h"

/* Facts that are sizes. */
static const struct fact {
    const char *key;
    enum names_dim dim;
} facts[] = {
    { "vocab_size", DIM_VOCAB },
    { "d_model", DIM_MODEL },
    { "num_heads", DIM_HEADS },
    { "relative_attention_num_buckets", DIM_BUCKETS },
    { "d_ff", DIM_FF },
    { "num_experts", DIM_EXPERTS },
};

static const struct side_keys {
    const char *name;
    const char *layers;
    const char *sparse;
    const char *step;
} side_keys[SIDE_COUNT] = {
    [SIDE_ENCODER] = { "encoder", "num_layers", "num_sparse_encoder_layers",
                       "encoder_sparse_step" },
    [SIDE_DECODER] = { "decoder", "num_decoder_layers",
                       "num_sparse_decoder_layers", "decoder_sparse_step" },
};

struct merge {
    const struct dims *d;
    struct stated stated;
    json_t *kwargs;
    json_t *origins;
    struct warnings *warnings;
};

static int conflict(const struct stated_item *item, const char *actual,
                    const char *from, struct error *err)
{
    char expected[96];

    py_format(item->value, expected, sizeof expected);
    error_set(err, ERR_CONFLICT,
              "%s states %s = %s, but the tensors say %s%s%s", item->origin,
              item->key, expected, actual, from ? ": see " : "",
              from ? from : "");
    error_subject(err, "%s: %s", item->origin, item->key);
    error_expected(err, "%s", expected);
    error_actual(err, "%s", actual);
    return error_hint(err,
                      "correct %s, or leave it out: it is read from the "
                      "tensors",
                      item->key);
}

/* Sets a member; takes value over. */
static int put(struct merge *m, const char *key, json_t *steal,
               const char *origin, struct error *err)
{
    int rc = py_set(m->kwargs, key, steal, err);

    return rc ? rc : py_set(m->origins, key, json_string(origin), err);
}

/* Holds every statement about key against the fact, then sets it. */
static int put_fact(struct merge *m, const char *key, json_t *steal,
                    const char *from, struct error *err)
{
    char actual[64];

    if (!steal)
        return error_memory(err);
    for (size_t i = 0; i < m->stated.count; i++) {
        const struct stated_item *item = &m->stated.items[i];

        if (strcmp(item->key, key) != 0 || json_is_null(item->value) ||
            py_equal(item->value, steal))
            continue;
        py_format(steal, actual, sizeof actual);
        json_decref(steal);
        return conflict(item, actual, from, err);
    }
    return put(m, key, steal, "tensors", err);
}

static int put_sizes(struct merge *m, struct error *err)
{
    const struct dims *d = m->d;
    int rc = 0;

    for (size_t i = 0; i < sizeof facts / sizeof facts[0] && !rc; i++) {
        enum names_dim dim = facts[i].dim;

        if (d->size[dim])
            rc = put_fact(m, facts[i].key,
                          json_integer((json_int_t)d->size[dim]), d->from[dim],
                          err);
    }
    if (!rc)
        rc = put_fact(m, "d_kv", json_integer((json_int_t)d->d_kv),
                      d->from[DIM_INNER], err);
    for (int side = 0; side < SIDE_COUNT && !rc; side++)
        rc = put_fact(m, side_keys[side].layers,
                      json_integer((json_int_t)d->layers[side]), NULL, err);
    return rc;
}

static int put_flags(struct merge *m, struct error *err)
{
    bool sparse = m->d->sparse[SIDE_ENCODER] || m->d->sparse[SIDE_DECODER];
    bool tied = !m->d->untied;
    int rc = put_fact(m, "tie_word_embeddings", json_boolean(tied),
                      tied ? "there is no decoder/logits_dense/kernel"
                           : "decoder/logits_dense/kernel",
                      err);

    if (!rc && sparse)
        rc = put_fact(m, "router_bias", json_boolean(m->d->router_bias), NULL,
                      err);
    return rc;
}

/* True if two steps make the same layers sparse. */
static bool same_pattern(uint64_t a, uint64_t b, uint64_t layers)
{
    for (uint64_t i = 0; i < layers; i++) {
        if (dims_sparse(a, i) != dims_sparse(b, i))
            return false;
    }
    return true;
}

/* The step that transformers works out of a count of sparse layers. */
static uint64_t implied_step(json_int_t sparse, uint64_t layers)
{
    return sparse > 0 ? layers / (uint64_t)sparse : 0;
}

static int pattern_conflict(const struct merge *m, enum names_side side,
                            const struct stated_item *item, struct error *err)
{
    char actual[96];

    snprintf(actual, sizeof actual, "%llu of the %s's %llu layers are sparse",
             (unsigned long long)m->d->sparse[side], side_keys[side].name,
             (unsigned long long)m->d->layers[side]);
    return conflict(item, actual, NULL, err);
}

/* A count agrees where it is the true one or gives the same pattern. */
static int check_sparse(const struct merge *m, enum names_side side,
                        struct error *err)
{
    uint64_t layers = m->d->layers[side];

    for (size_t i = 0; i < m->stated.count; i++) {
        const struct stated_item *item = &m->stated.items[i];
        json_int_t n;

        if (strcmp(item->key, side_keys[side].sparse) != 0 ||
            json_is_null(item->value))
            continue;
        if (!py_whole(item->value, true, &n) || n < 0 ||
            ((uint64_t)n != m->d->sparse[side] &&
             !same_pattern(implied_step(n, layers), m->d->step[side], layers)))
            return pattern_conflict(m, side, item, err);
    }
    return 0;
}

/*
 * A stated step agrees where it gives the same pattern. transformers itself
 * writes the number of layers as the step of a stack that has 0 sparse ones.
 */
static int check_step(const struct merge *m, enum names_side side,
                      const struct stated_item *sparse, bool *keep,
                      struct error *err)
{
    const struct stated_item *item =
        stated_find(&m->stated, side_keys[side].step);
    uint64_t layers = m->d->layers[side];
    json_int_t n;

    *keep = false;
    if (!item)
        return 0;
    if (!py_whole(item->value, true, &n) || n < 0)
        return pattern_conflict(m, side, item, err);
    if (same_pattern((uint64_t)n, m->d->step[side], layers)) {
        *keep = true;
        return 0;
    }
    if (m->d->sparse[side] == 0 && (uint64_t)n == layers && sparse &&
        !py_truthy(sparse->value))
        return 0;
    return pattern_conflict(m, side, item, err);
}

static int put_pattern(struct merge *m, enum names_side side, struct error *err)
{
    const struct side_keys *keys = &side_keys[side];
    const struct stated_item *sparse = stated_find(&m->stated, keys->sparse);
    json_int_t step = (json_int_t)m->d->step[side];
    json_int_t n = (json_int_t)m->d->sparse[side];
    bool keep;
    int rc = check_sparse(m, side, err);

    if (!rc)
        rc = check_step(m, side, sparse, &keep, err);
    if (rc)
        return rc;
    if (sparse)
        rc = put(m, keys->sparse, json_incref(sparse->value), sparse->origin,
                 err);
    else
        rc = put(m, keys->sparse, json_integer(n), "tensors", err);
    if (!rc && !keep)
        rc = put(m, keys->step, json_integer(step), "tensors", err);
    return rc;
}

/* The function in dense_act_fn, which the model reads. */
static int put_activation(struct merge *m, struct error *err)
{
    const struct stated_item *item = stated_find(&m->stated, "dense_act_fn");
    const struct stated_item *other =
        stated_find(&m->stated, "feed_forward_proj");
    const struct stated_item *gated = stated_find(&m->stated, "is_gated_act");

    if (gated && py_truthy(gated->value))
        return conflict(gated, "the feed-forward layers are not gated", NULL,
                        err);
    if (other && json_is_string(other->value) &&
        strncmp(json_string_value(other->value), "gated-", 6) == 0)
        return conflict(other, "the feed-forward layers are not gated", NULL,
                        err);
    if (item && other && !py_equal(item->value, other->value))
        return warnings_add(m->warnings, err,
                            "%s states another activation function than %s "
                            "(feed_forward_proj, dense_act_fn): the model uses "
                            "dense_act_fn",
                            other->origin, item->origin);
    if (!item && other && json_is_string(other->value))
        return put(m, "dense_act_fn", json_incref(other->value), other->origin,
                   err);
    return 0;
}

static int check_selected(const struct merge *m, struct error *err)
{
    const struct stated_item *item =
        stated_find(&m->stated, "num_selected_experts");
    char actual[96];
    double n = 1;

    if (!item || (py_number(item->value, &n) && n == 1))
        return 0;
    py_format(item->value, actual, sizeof actual);
    error_set(err, ERR_MODEL,
              "%s states num_selected_experts = %s: Hugging Face's Switch "
              "Transformers sends each token to one expert",
              item->origin, actual);
    error_expected(err, "1");
    error_actual(err, "%s", actual);
    return error_subject(err, "%s", item->origin);
}

/* Weights of that kind are not what comes out. */
static int check_quantization(const struct merge *m, struct error *err)
{
    const struct stated_item *item =
        stated_find(&m->stated, "quantization_config");

    return item ? conflict(item, "weights that are not quantized", NULL, err)
                : 0;
}

/* A gin value that another statement hides is worth a word. */
static int warn_hidden(struct merge *m, const struct stated_item *item,
                       struct error *err)
{
    const struct stated_item *used = stated_find(&m->stated, item->key);

    if (!used || used == item || json_is_null(item->value) ||
        py_equal(used->value, item->value) ||
        strcmp(item->key, "feed_forward_proj") == 0)
        return 0;
    return warnings_add(m->warnings, err,
                        "%s states another %s than %s, which is used",
                        item->origin, item->key, used->origin);
}

/* Statements first: facts are laid over them. */
static int put_stated(struct merge *m, struct error *err)
{
    int rc = 0;

    for (size_t i = m->stated.count; i > 0 && !rc; i--) {
        const struct stated_item *item = &m->stated.items[i - 1];

        if (json_is_null(item->value) && stated_find(&m->stated, item->key))
            continue;
        rc = put(m, item->key, json_incref(item->value), item->origin, err);
        if (!rc)
            rc = warn_hidden(m, item, err);
    }
    return rc;
}

/*
 * transformers 5 sizes the decoder's cache by num_layers, and generate() raises
 * where the decoder has more, unless a member of this name tells them apart.
 */
static int put_decoder_layers(struct merge *m, struct error *err)
{
    uint64_t layers = m->d->layers[SIDE_DECODER];

    if (layers == m->d->layers[SIDE_ENCODER])
        return 0;
    return put_fact(m, "decoder_layers", json_integer((json_int_t)layers), NULL,
                    err);
}

/* transformers 5 demands an attribute's type where 4 takes what is equal. */
static int coerce_all(struct merge *m, struct error *err)
{
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(m->kwargs, next, key, value)
    {
        json_t *typed = pretrained_coerce(key, value);

        if (!typed || json_object_set_new(m->kwargs, key, typed))
            return error_memory(err);
    }
    return 0;
}

static int put_start_token(struct merge *m, struct error *err)
{
    if (stated_find(&m->stated, "decoder_start_token_id"))
        return 0;
    return put(m, "decoder_start_token_id", json_integer(0), "default", err);
}

static int merge_all(struct merge *m, struct error *err)
{
    int rc = put_stated(m, err);

    if (!rc)
        rc = check_selected(m, err);
    if (!rc)
        rc = check_quantization(m, err);
    if (!rc)
        rc = put_sizes(m, err);
    if (!rc)
        rc = put_flags(m, err);
    for (int side = 0; side < SIDE_COUNT && !rc; side++)
        rc = put_pattern(m, (enum names_side)side, err);
    if (!rc)
        rc = put_decoder_layers(m, err);
    if (!rc)
        rc = put_activation(m, err);
    if (!rc)
        rc = put_start_token(m, err);
    if (!rc)
        rc = coerce_all(m, err);
    return rc;
}

int config_right(const struct model_options *o, const struct dims *d,
                 struct config *out, struct warnings *w, struct error *err)
{
    struct merge m = { .d = d, .warnings = w };
    struct pretrained p = { 0 };
    json_t *config = NULL;
    int rc = config_read(o, &config, err);

    if (!rc)
        rc = stated_read(o, config, &m.stated, w, err);
    if (rc)
        goto out;
    m.kwargs = json_object();
    m.origins = json_object();
    rc = m.kwargs && m.origins ? merge_all(&m, err) : error_memory(err);
    if (!rc)
        rc = pretrained_make(
            m.kwargs, o->config_name ? o->config_name : "config.json", &p, err);
    if (rc)
        goto out;
    json_object_del(p.config, "transformers_version");
    json_object_del(p.generation, "transformers_version");
    out->values = json_incref(p.config);
    out->generation = json_incref(p.generation);
    out->origins = json_incref(m.origins);
out:
    pretrained_done(&p);
    stated_done(&m.stated);
    json_decref(config);
    json_decref(m.kwargs);
    json_decref(m.origins);
    return rc;
}
