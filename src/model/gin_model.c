/*
 * From gin's bindings to what transformers calls them, and to what it lacks.
 *
 * The parameters of flaxformer's and t5x's own modules are what a run uses; the
 * macros that its gin files define are only names, and count where the file
 * that uses them is not at hand. Of a parameter in several scopes the one
 * without a scope counts, but what transformers cannot express is refused in
 * any scope.
 *
 * Only what describes the model counts. Settings of the training run
 * (DROPOUT_RATE, JITTER_NOISE, the loss factors) are not taken: they say how
 * the checkpoint was trained, while config.json's are for training to come.
 *
 * gin_model_taboos.c looks for what transformers lacks, gin_model_layers.c at
 * which layers have experts.
 */
#include "model/gin_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/gin_model_parts.h"

/* Where a key is stated, the preferred way first; a macro has no selector. */
static const struct row {
    const char *key;
    const char *selector;
    const char *name;
} rows[] = {
    { "vocab_size", "Embed", "num_embeddings" },
    { "vocab_size", "T5Config", "vocab_size" },
    { "vocab_size", NULL, "NUM_EMBEDDINGS" },
    { "d_model", "Embed", "features" },
    { "d_model", "T5Config", "emb_dim" },
    { "d_model", NULL, "EMBED_DIM" },
    { "d_kv", "MultiHeadDotProductAttention", "head_dim" },
    { "d_kv", "T5Config", "head_dim" },
    { "d_kv", NULL, "HEAD_DIM" },
    { "d_ff", "MlpBlock", "intermediate_dim" },
    { "d_ff", "T5Config", "mlp_dim" },
    { "d_ff", NULL, "MLP_DIM" },
    { "num_heads", "MultiHeadDotProductAttention", "num_heads" },
    { "num_heads", "T5Config", "num_heads" },
    { "num_heads", NULL, "NUM_HEADS" },
    { "num_layers", "SparseEncoder", "num_layers" },
    { "num_layers", "Encoder", "num_layers" },
    { "num_layers", "T5Config", "num_encoder_layers" },
    { "num_layers", NULL, "NUM_ENCODER_LAYERS" },
    { "num_decoder_layers", "SparseDecoder", "num_layers" },
    { "num_decoder_layers", "Decoder", "num_layers" },
    { "num_decoder_layers", "T5Config", "num_decoder_layers" },
    { "num_decoder_layers", NULL, "NUM_DECODER_LAYERS" },
    { "num_sparse_encoder_layers", "SparseEncoder", "num_sparse_layers" },
    { "num_sparse_encoder_layers", NULL, "NUM_ENCODER_SPARSE_LAYERS" },
    { "num_sparse_decoder_layers", "SparseDecoder", "num_sparse_layers" },
    { "num_sparse_decoder_layers", NULL, "NUM_DECODER_SPARSE_LAYERS" },
    { "num_experts", "MoeLayer", "num_experts" },
    { "num_experts", NULL, "NUM_EXPERTS" },
    { "num_selected_experts", "TokensChooseMaskedRouter",
      "num_selected_experts" },
    { "num_selected_experts", "TokensChooseScatterRouter",
      "num_selected_experts" },
    { "num_selected_experts", NULL, "NUM_SELECTED_EXPERTS" },
    { "router_bias", "RouterWeights", "use_bias" },
    { "layer_norm_epsilon", "T5LayerNorm", "epsilon" },
    { "relative_attention_num_buckets", "RelativePositionBiases",
      "num_buckets" },
    { "relative_attention_max_distance", "RelativePositionBiases",
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

void gin_model_done(struct gin_model *m)
{
    for (size_t i = 0; i < m->count; i++)
        json_decref(m->facts[i].value);
    free(m->facts);
    free(m->refusals);
    *m = (struct gin_model){ 0 };
}

const struct gin_fact *gin_model_find(const struct gin_model *m,
                                      const char *key)
{
    for (size_t i = 0; i < m->count; i++)
        if (!strcmp(m->facts[i].key, key))
            return &m->facts[i];
    return NULL;
}

/* Takes value over, also on failure. */
static int add_fact(struct gin_model *m, const char *key, json_t *steal,
                    const struct gin_binding *at, struct error *err)
{
    struct gin_fact *grown =
        reallocarray(m->facts, m->count + 1, sizeof *grown);

    if (grown)
        m->facts = grown;
    if (!grown || !steal) {
        json_decref(steal);
        return error_memory(err);
    }
    m->facts[m->count++] = (struct gin_fact){ key, steal, at };
    return 0;
}

/* value's gin text, cut to an error's size. */
static void set_actual(struct error *e, const struct gin_value *value)
{
    struct buf text = BUF_INIT(1 << 16);

    gin_value_print(value, &text);
    error_actual(e, "%.100s", buf_str(&text) ? buf_str(&text) : "a long value");
    buf_done(&text);
}

int gin_model_refuse(struct gin_model *m, const struct gin_binding *parameter,
                     const struct gin_binding *at, const char *what,
                     struct error **out, struct error *err)
{
    struct buf name = BUF_INIT(4096);
    struct gin_refusal *grown;
    struct error *e = &m->unlisted;

    if (m->refusal_count < GIN_MODEL_MAX_REFUSALS) {
        grown = reallocarray(m->refusals, m->refusal_count + 1, sizeof *grown);
        if (!grown)
            return error_memory(err);
        m->refusals = grown;
        grown += m->refusal_count++;
        grown->parameter = parameter;
        grown->at = at;
        e = &grown->error;
    }
    gin_binding_print(parameter, &name);
    error_set(e, ERR_MODEL,
              "%.120s:%u: %.100s in %.100s: Hugging Face's Switch Transformers "
              "can't express that",
              at->file, at->line, what, buf_str(&name) ? buf_str(&name) : "");
    error_subject(e, "%.120s:%u: %.100s", at->file, at->line,
                  buf_str(&name) ? buf_str(&name) : "");
    set_actual(e, &at->value);
    buf_done(&name);
    *out = e;
    return 0;
}

/* The number or truth that a gin value is; NULL where it is neither. */
static json_t *scalar(const struct gin_value *v)
{
    if (v->kind == GIN_INT)
        return json_integer(v->integer);
    if (v->kind == GIN_FLOAT)
        return json_real(v->number);
    if (v->kind == GIN_BOOL)
        return json_boolean(v->boolean);
    return NULL;
}

/* Text, containers and infinity, which no row's value can be. */
static bool is_other_kind(const struct gin_value *v)
{
    return (v->kind == GIN_FLOAT && !isfinite(v->number)) ||
           v->kind == GIN_STRING || v->kind == GIN_LIST ||
           v->kind == GIN_TUPLE || v->kind == GIN_DICT;
}

/* Adds a row's fact, unless a row before it has. */
static int read_row(const struct gin *g, const struct row *row,
                    struct gin_model *m, struct error *err)
{
    const struct gin_binding *b = row->selector
                                      ? gin_find(g, row->selector, row->name)
                                      : gin_find_macro(g, row->name);
    const struct gin_binding *at;
    const struct gin_value *v;
    struct error *refusal;
    int rc;

    if (!b || gin_model_find(m, row->key))
        return 0;
    rc = gin_resolve_binding(g, b, &v, &at, err);
    if (rc || !v)
        return rc;
    if (is_other_kind(v)) {
        rc = gin_model_refuse(m, b, at, "no number", &refusal, err);
        if (rc)
            return rc;
        error_expected(refusal, "a number, for %s", row->key);
        error_hint(refusal, "give a finite number, without quotes or brackets");
        return 0;
    }
    if (v->kind == GIN_NONE || v->kind == GIN_REFERENCE)
        return 0;
    return add_fact(m, row->key, scalar(v), at, err);
}

bool gin_model_is(const struct gin_binding *b, const char *selector,
                  const char *parameter)
{
    const char *dot = strrchr(b->complete, '.');

    return b->parameter && !strcmp(b->parameter, parameter) &&
           !strcmp(dot ? dot + 1 : b->complete, selector);
}

/* transformers' name of the function, NULL if it has none. */
static const char *activation_name(const struct gin_value *v)
{
    const char *name = v->text ? v->text : "";

    if (v->kind == GIN_REFERENCE && strrchr(name, '.'))
        name = strrchr(name, '.') + 1;
    for (size_t i = 0; i < sizeof activations / sizeof activations[0]; i++)
        if (!strcmp(activations[i][0], name))
            return activations[i][1];
    return NULL;
}

/* What is wrong with an activation, in words; NULL where it is *name. */
static const char *judge_activation(const struct gin_model *m,
                                    const struct gin_value *v, bool gated,
                                    const char **name)
{
    const struct gin_fact *before = gin_model_find(m, "dense_act_fn");

    *name = gated ? NULL : activation_name(v);
    if (gated)
        return "gated activations (more than one function)";
    if (!*name)
        return "an activation function of another kind";
    if (before && strcmp(json_string_value(before->value), *name) != 0)
        return "different activation functions in dense layers and experts";
    return NULL;
}

/* A value that is one activation, or a list of one. */
static int read_activation(const struct gin *g, const struct gin_binding *b,
                           struct gin_model *m, struct error *err)
{
    const struct gin_binding *at;
    const struct gin_value *v;
    struct error *refusal;
    const char *name;
    const char *wrong;
    bool gated = false;
    int rc;

    if (!gin_model_is(b, "MlpBlock", "activations") &&
        !gin_model_is(b, "T5Config", "mlp_activations"))
        return 0;
    rc = gin_resolve_binding(g, b, &v, &at, err);
    if (!rc && v && (v->kind == GIN_TUPLE || v->kind == GIN_LIST)) {
        gated = v->count != 1;
        if (!gated)
            rc = gin_resolve(g, &v->items[0], &v, err);
    }
    if (rc || !v)
        return rc;
    wrong = judge_activation(m, v, gated, &name);
    if (wrong) {
        rc = gin_model_refuse(m, b, at, wrong, &refusal, err);
        if (rc)
            return rc;
        error_expected(refusal, "one function for all feed-forward layers, "
                                "such as ('relu',)");
        error_hint(refusal, "its feed-forward layers are wi, one activation "
                            "and wo");
        return 0;
    }
    if (gin_model_find(m, "dense_act_fn"))
        return 0;
    rc = add_fact(m, "dense_act_fn", json_string(name), at, err);
    return rc ? rc
              : add_fact(m, "feed_forward_proj", json_string(name), at, err);
}

/* Whether logits come from the embedding: None, or no layer of their own. */
static int read_head(const struct gin *g, struct gin_model *m,
                     struct error *err)
{
    const struct gin_binding *b =
        gin_find(g, "SparseDecoder", "output_logits_factory");
    const struct gin_binding *at;
    const struct gin_value *v;
    int rc;

    b = b ? b : gin_find(g, "Decoder", "output_logits_factory");
    b = b ? b : gin_find(g, "T5Config", "logits_via_embedding");
    if (!b)
        return 0;
    rc = gin_resolve_binding(g, b, &v, &at, err);
    if (rc || !v)
        return rc;
    if (v->kind == GIN_NONE || v->kind == GIN_REFERENCE)
        return add_fact(m, "tie_word_embeddings",
                        json_boolean(v->kind == GIN_NONE), at, err);
    if (v->kind == GIN_BOOL)
        return add_fact(m, "tie_word_embeddings", json_boolean(v->boolean), at,
                        err);
    return 0;
}

int gin_model_read(const struct gin *g, struct gin_model *out,
                   struct error *err)
{
    size_t count;
    const struct gin_binding *const *effective = gin_effective(g, &count);
    int rc = 0;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && !rc; i++)
        rc = read_row(g, &rows[i], out, err);
    for (size_t i = 0; i < count && !rc; i++)
        rc = read_activation(g, effective[i], out, err);
    if (!rc)
        rc = read_head(g, out, err);
    if (!rc)
        rc = gin_model_taboos(g, out, err);
    return rc ? rc : gin_model_layers(g, out, err);
}
