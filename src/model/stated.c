/*
 * Collects statements from the options, config.json and the gin file.
 *
 * Of a gin file only what describes the model counts, through macros. Settings
 * of the training run (DROPOUT_RATE, JITTER_NOISE, the loss factors) are not
 * taken: they say how the checkpoint was trained, while config.json's are for
 * training that is still to come.
 */
#include "model/stated.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/gin.h"
#include "model/pretrained.h"
#include "model/pyvalue.h"

/* Where a gin file states a key: as a macro, or as selector.parameter. */
static const struct gin_row {
    const char *key;
    const char *macro;
    const char *selector;
    const char *parameter;
} gin_rows[] = {
    { "d_model", "EMBED_DIM", NULL, NULL },
    { "d_kv", "HEAD_DIM", NULL, NULL },
    { "d_ff", "MLP_DIM", NULL, NULL },
    { "num_heads", "NUM_HEADS", NULL, NULL },
    { "vocab_size", "NUM_EMBEDDINGS", NULL, NULL },
    { "num_layers", "NUM_ENCODER_LAYERS", NULL, NULL },
    { "num_decoder_layers", "NUM_DECODER_LAYERS", NULL, NULL },
    { "num_sparse_encoder_layers", "NUM_ENCODER_SPARSE_LAYERS", NULL, NULL },
    { "num_sparse_decoder_layers", "NUM_DECODER_SPARSE_LAYERS", NULL, NULL },
    { "num_experts", "NUM_EXPERTS", NULL, NULL },
    { "num_selected_experts", "NUM_SELECTED_EXPERTS", NULL, NULL },
    { "num_selected_experts", NULL, "TokensChooseMaskedRouter",
      "num_selected_experts" },
    { "num_selected_experts", NULL, "TokensChooseScatterRouter",
      "num_selected_experts" },
    { "router_bias", NULL, "RouterWeights", "use_bias" },
    { "layer_norm_epsilon", NULL, "T5LayerNorm", "epsilon" },
    { "relative_attention_num_buckets", NULL, "RelativePositionBiases",
      "num_buckets" },
    { "relative_attention_max_distance", NULL, "RelativePositionBiases",
      "max_distance" },
};

/*
 * Activation functions: flax's name, transformers' name. (flax's gelu is the
 * tanh approximation, transformers' is exact; they differ by up to 5e-4.)
 */
static const char *const activations[][2] = {
    { "relu", "relu" },       { "gelu", "gelu" },
    { "silu", "silu" },       { "swish", "swish" },
    { "sigmoid", "sigmoid" }, { "tanh", "tanh" },
    { "relu6", "relu6" },     { "leaky_relu", "leaky_relu" },
    { "linear", "linear" },
};

void stated_done(struct stated *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->items[i].key);
        free(s->items[i].origin);
        json_decref(s->items[i].value);
    }
    free(s->items);
    *s = (struct stated){ 0 };
}

const struct stated_item *stated_find(const struct stated *s, const char *key)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->items[i].key, key) == 0 &&
            !json_is_null(s->items[i].value))
            return &s->items[i];
    }
    return NULL;
}

/* Takes value over, also on failure. line 0: none. */
static int add(struct stated *s, const char *key, json_t *steal,
               const char *file, unsigned line, struct error *err)
{
    struct stated_item *grown =
        realloc(s->items, (s->count + 1) * sizeof *grown);
    struct stated_item item = { .value = steal };
    int n;

    if (grown)
        s->items = grown;
    n = line ? asprintf(&item.origin, "%s:%u", file, line)
             : asprintf(&item.origin, "%s", file);
    if (n < 0)
        item.origin = NULL;
    item.key = strdup(key);
    if (!grown || !steal || !item.key || !item.origin) {
        json_decref(steal);
        free(item.key);
        free(item.origin);
        return error_memory(err);
    }
    s->items[s->count++] = item;
    return 0;
}

/* The line of the first place where key stands in quotes, 0 for none. */
static unsigned line_of(const char *text, size_t len, const char *key)
{
    size_t n = strlen(key);
    const char *end = text + len;
    const char *at = text;
    unsigned line = 1;

    for (;; at++) {
        at = memmem(at, (size_t)(end - at), key, n);
        if (!at)
            return 0;
        if (at > text && at[-1] == '"' && at + n < end && at[n] == '"')
            break;
    }
    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

/*
 * An alias wins over the name that it stands for, as in transformers, so
 * aliases come first.
 */
static int read_config(const struct model_options *o, json_t *config,
                       bool aliases, struct stated *s, struct error *err)
{
    const char *file = o->config_name ? o->config_name : "config.json";
    const char *key;
    json_t *value;
    int rc = 0;

    json_object_foreach (config, key, value) {
        const char *name = pretrained_alias(key);

        if (!rc && (name != key) == aliases)
            rc = add(s, name, json_incref(value), file,
                     line_of(o->config, o->config_len, key), err);
    }
    return rc;
}

/* The number or truth that a gin value is; NULL where it is neither. */
static json_t *scalar(const struct gin_value *v)
{
    if (v && v->kind == GIN_INT)
        return json_integer(v->integer);
    if (v && v->kind == GIN_FLOAT)
        return json_real(v->number);
    if (v && v->kind == GIN_BOOL)
        return json_boolean(v->boolean);
    return NULL;
}

static int read_row(const struct gin *g, const struct gin_row *row,
                    struct stated *s, struct error *err)
{
    const struct gin_binding *b =
        row->macro ? gin_find_macro(g, row->macro)
                   : gin_find(g, row->selector, row->parameter);
    const struct gin_value *v;
    json_t *value;
    int rc;

    if (!b)
        return 0;
    rc = gin_resolve(g, &b->value, &v, err);
    if (rc)
        return rc;
    value = scalar(v);
    return value ? add(s, row->key, value, gin_name(g), b->line, err) : 0;
}

/* True if a selector's last component is name. */
static bool selector_is(const char *selector, const char *name)
{
    const char *dot = strrchr(selector, '.');

    return strcmp(dot ? dot + 1 : selector, name) == 0;
}

static int refuse_model(const struct gin *g, const struct gin_binding *b,
                        const char *what, struct error *err)
{
    error_set(err, ERR_MODEL,
              "%s:%u: %s: Hugging Face's Switch Transformers "
              "can't express that",
              gin_name(g), b->line, what);
    return error_subject(err, "%s:%u", gin_name(g), b->line);
}

/* transformers' name of the function, NULL if it has none. */
static const char *activation_name(const struct gin_value *v)
{
    const char *name = v && v->text ? v->text : "";

    if (v && v->kind == GIN_REFERENCE && strrchr(name, '.'))
        name = strrchr(name, '.') + 1;
    for (size_t i = 0; i < sizeof activations / sizeof activations[0]; i++) {
        if (strcmp(activations[i][0], name) == 0)
            return activations[i][1];
    }
    return NULL;
}

/* A value that is one activation, or a list of one. */
static int read_activation(const struct gin *g, const struct gin_binding *b,
                           struct stated *s, struct error *err)
{
    const struct stated_item *before = NULL;
    const struct gin_value *v;
    const char *name;
    int rc = gin_resolve(g, &b->value, &v, err);

    if (!rc && v && (v->kind == GIN_TUPLE || v->kind == GIN_LIST)) {
        if (v->count != 1)
            return refuse_model(g, b,
                                "gated activations (more than one "
                                "function)",
                                err);
        rc = gin_resolve(g, &v->items[0], &v, err);
    }
    if (rc || !v)
        return rc;
    name = activation_name(v);
    if (!name)
        return refuse_model(g, b, "an activation function of another kind",
                            err);
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->items[i].key, "dense_act_fn") == 0 &&
            strncmp(s->items[i].origin, gin_name(g), strlen(gin_name(g))) == 0)
            before = &s->items[i];
    }
    if (before && strcmp(json_string_value(before->value), name) != 0)
        return refuse_model(g, b,
                            "different activation functions in dense "
                            "layers and experts",
                            err);
    if (before)
        return 0;
    rc = add(s, "dense_act_fn", json_string(name), gin_name(g), b->line, err);
    return rc ? rc
              : add(s, "feed_forward_proj", json_string(name), gin_name(g),
                    b->line, err);
}

static bool is_activation(const struct gin_binding *b)
{
    return selector_is(b->selector, "MlpBlock") &&
           strcmp(b->parameter, "activations") == 0;
}

/* Bindings that are looked at one by one, whatever their scope. */
static bool is_looked_at(const struct gin_binding *b)
{
    return b->parameter &&
           (is_activation(b) || (selector_is(b->selector, "MoeLayer") &&
                                 strcmp(b->parameter, "router") == 0));
}

/* In gin the last binding counts. */
static bool is_bound_again(const struct gin_binding *bindings, size_t at,
                           size_t count)
{
    const struct gin_binding *b = &bindings[at];

    for (size_t i = at + 1; i < count; i++) {
        if (bindings[i].parameter &&
            strcmp(bindings[i].selector, b->selector) == 0 &&
            strcmp(bindings[i].scope, b->scope) == 0 &&
            strcmp(bindings[i].parameter, b->parameter) == 0)
            return true;
    }
    return false;
}

static int read_binding(const struct gin *g, const struct gin_binding *b,
                        struct stated *s, struct error *err)
{
    const struct gin_value *v;
    int rc;

    if (is_activation(b))
        return read_activation(g, b, s, err);
    rc = gin_resolve(g, &b->value, &v, err);
    if (!rc && v && v->kind == GIN_REFERENCE && v->text &&
        strstr(v->text, "ExpertsChoose"))
        return refuse_model(g, b, "a router in which experts choose tokens",
                            err);
    return rc;
}

static int warn_includes(const struct gin *g, struct warnings *w,
                         struct error *err)
{
    size_t count;
    const char *const *includes = gin_includes(g, &count);
    int rc = 0;

    for (size_t i = 0; i < count && !rc; i++)
        rc = warnings_add(w, err,
                          "%s includes %s, which is not at hand: what it binds "
                          "is not known",
                          gin_name(g), includes[i]);
    return rc;
}

static int read_gin(const struct model_options *o, struct stated *s,
                    struct warnings *w, struct error *err)
{
    const struct gin_binding *bindings;
    struct gin *g = NULL;
    size_t count;
    int rc = gin_parse(o->gin, o->gin_len,
                       o->gin_name ? o->gin_name : "model.gin", &g, err);

    for (size_t i = 0; i < sizeof gin_rows / sizeof gin_rows[0] && !rc; i++)
        rc = read_row(g, &gin_rows[i], s, err);
    if (rc)
        goto out;
    bindings = gin_bindings(g, &count);
    for (size_t i = 0; i < count && !rc; i++) {
        if (is_looked_at(&bindings[i]) && !is_bound_again(bindings, i, count))
            rc = read_binding(g, &bindings[i], s, err);
    }
    if (!rc)
        rc = warn_includes(g, w, err);
out:
    gin_free(g);
    return rc;
}

int stated_read(const struct model_options *o, json_t *config,
                struct stated *out, struct warnings *w, struct error *err)
{
    int rc = 0;

    if (o->num_experts)
        rc = add(out, "num_experts", json_integer((json_int_t)o->num_experts),
                 "the num_experts option", 0, err);
    if (!rc)
        rc = read_config(o, config, true, out, err);
    if (!rc)
        rc = read_config(o, config, false, out, err);
    if (!rc && o->gin)
        rc = read_gin(o, out, w, err);
    return rc;
}
