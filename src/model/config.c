/*
 * What both modes share: reading config.json; and the reference's mode, in
 * which a configuration comes from one file and the model follows it.
 */
#include "model/config.h"

#include <string.h>

#include "base/json.h"
#include "model/generation.h"
#include "model/pretrained.h"
#include "model/pyvalue.h"
#include "model/reference_gin.h"

void config_done(struct config *c)
{
    json_decref(c->values);
    json_decref(c->generation);
    json_decref(c->origins);
    *c = (struct config){ 0 };
}

static const char *config_name(const struct model_options *o)
{
    return o->config_name ? o->config_name : "config.json";
}

int config_read(const struct model_options *o, json_t **out, struct error *err)
{
    json_t *value = NULL;
    int rc = 0;

    if (o->config_len > CONFIG_MAX_BYTES)
        rc = error_set(err, ERR_LIMIT, "%s has more than %d bytes",
                       config_name(o), CONFIG_MAX_BYTES);
    else if (o->config)
        rc = json_read(o->config, o->config_len, config_name(o), ERR_CONFIG,
                       &value, err);
    else
        value = json_object();
    if (!rc && !value)
        rc = error_memory(err);
    else if (!rc && !json_is_object(value))
        rc = error_set(err, ERR_CONFIG, "%s is not a JSON object",
                       config_name(o));
    else if (!rc && json_object_size(value) > CONFIG_MAX_MEMBERS)
        rc = error_set(err, ERR_LIMIT, "%s has more than %d members",
                       config_name(o), CONFIG_MAX_MEMBERS);
    if (rc) {
        json_decref(value);
        return rc;
    }
    *out = value;
    return 0;
}

/* Sizes that transformers makes modules of. */
static int read_size(const json_t *a, const char *key, const char *what,
                     json_int_t min, uint64_t *out, struct error *err)
{
    const json_t *value = json_object_get(a, key);
    char text[96];

    if (json_is_integer(value) && json_integer_value(value) >= min) {
        *out = (uint64_t)json_integer_value(value);
        return 0;
    }
    error_set(err, ERR_CONFIG,
              "%s: %s is %s: it should be a whole number from %lld on", what,
              key, py_format(value, text, sizeof text), (long long)min);
    error_actual(err, "%s", text);
    return error_subject(err, "%s: %s", what, key);
}

/* A step may be a float without a fraction, and below 1 means none. */
static int read_step(const json_t *a, const char *key, const char *what,
                     uint64_t *out, struct error *err)
{
    const json_t *value = json_object_get(a, key);
    json_int_t step;
    char text[96];

    if (!py_whole(value, true, &step)) {
        error_set(err, ERR_CONFIG, "%s: %s is %s: it should be a whole number",
                  what, key, py_format(value, text, sizeof text));
        return error_subject(err, "%s: %s", what, key);
    }
    *out = step > 0 ? (uint64_t)step : 0;
    return 0;
}

static const struct {
    const char *key;
    enum names_dim dim;
} sizes[] = {
    { "vocab_size", DIM_VOCAB },
    { "d_model", DIM_MODEL },
    { "num_heads", DIM_HEADS },
    { "relative_attention_num_buckets", DIM_BUCKETS },
    { "d_ff", DIM_FF },
};

static bool has_sparse(const struct dims *d)
{
    for (int side = 0; side < SIDE_COUNT; side++) {
        uint64_t step = d->step[side];

        if (d->layers[side] > (step == 1 ? 0 : 1) && step > 0)
            return true;
    }
    return false;
}

/* The model that transformers builds of these attributes. */
static int read_dims(const json_t *a, const char *what, struct dims *d,
                     struct error *err)
{
    int rc = read_size(a, "num_layers", what, 0, &d->layers[SIDE_ENCODER], err);

    if (!rc)
        rc = read_size(a, "num_decoder_layers", what, 0,
                       &d->layers[SIDE_DECODER], err);
    if (!rc)
        rc = read_step(a, "encoder_sparse_step", what, &d->step[SIDE_ENCODER],
                       err);
    if (!rc)
        rc = read_step(a, "decoder_sparse_step", what, &d->step[SIDE_DECODER],
                       err);
    if (!rc)
        rc = read_size(a, "d_kv", what, 1, &d->d_kv, err);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] && !rc; i++)
        rc = read_size(a, sizes[i].key, what, 1, &d->size[sizes[i].dim], err);
    if (!rc && has_sparse(d))
        rc = read_size(a, "num_experts", what, 1, &d->size[DIM_EXPERTS], err);
    if (rc)
        return rc;
    if (__builtin_mul_overflow(d->size[DIM_HEADS], d->d_kv,
                               &d->size[DIM_INNER]))
        return error_set(err, ERR_CONFIG,
                         "%s: num_heads times d_kv is too "
                         "large",
                         what);
    for (int i = 0; i < DIM_COUNT; i++)
        d->from[i] = what;
    d->untied = !py_truthy(json_object_get(a, "tie_word_embeddings"));
    d->router_bias = py_truthy(json_object_get(a, "router_bias"));
    d->drop_experts = true;
    return 0;
}

/* The reference prefers the gin file, and reads only one of them. */
static int read_kwargs(const struct model_options *o, json_t **kwargs,
                       const char **what, struct warnings *w, struct error *err)
{
    int rc = 0;

    if (o->gin) {
        *what = o->gin_name ? o->gin_name : "model.gin";
        if (o->config)
            rc = warnings_add(w, err,
                              "%s is not read: the reference takes the gin "
                              "file alone",
                              config_name(o));
        return rc ? rc
                  : reference_gin_read(o->gin, o->gin_len, *what,
                                       o->num_experts, kwargs, err);
    }
    *what = config_name(o);
    if (!o->config) {
        error_set(err, ERR_CONFIG,
                  "the reference needs a gin file or a config.json");
        return error_hint(err, "give one, or leave compat=reference out: the "
                               "tensors then tell the configuration");
    }
    if (o->num_experts)
        rc = warnings_add(w, err,
                          "the num_experts option is not used: with a "
                          "config.json the reference takes its num_experts");
    return rc ? rc : config_read(o, kwargs, err);
}

int config_reference(const struct model_options *o, struct dims *d,
                     struct config *out, struct warnings *w, struct error *err)
{
    struct pretrained p = { 0 };
    json_t *kwargs = NULL;
    const char *what = NULL;
    const char *key;
    json_t *value;
    int rc = read_kwargs(o, &kwargs, &what, w, err);

    if (!rc)
        rc = pretrained_make(kwargs, what, &p, err);
    if (!rc)
        rc = generation_check(p.generation, what, err);
    if (!rc)
        rc = read_dims(p.attributes, what, d, err);
    if (rc)
        goto out;
    out->values = json_incref(p.config);
    out->generation = json_incref(p.generation);
    out->origins = json_object();
    if (!out->origins)
        rc = error_memory(err);
    json_object_foreach (kwargs, key, value) {
        if (!rc)
            rc = py_set(out->origins, pretrained_alias(key), json_string(what),
                        err);
    }
out:
    pretrained_done(&p);
    json_decref(kwargs);
    return rc;
}
