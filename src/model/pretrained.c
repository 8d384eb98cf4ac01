/*
 * SwitchTransformersConfig and its base class, PretrainedConfig.
 *
 * The classes are tables of attributes with defaults; the code between is what
 * their constructors do besides storing (configuration_utils.py and
 * configuration_switch_transformers.py of transformers 4.44.2). A file holds
 * what differs from a default, under Python's ==.
 */
#include "model/pretrained.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/attributes.h"
#include "model/generation.h"
#include "model/pretrained_check.h"
#include "model/pyvalue.h"

/* Parameters of SwitchTransformersConfig(). */
static const struct attribute switch_attributes[] = {
    { "vocab_size", "32128" },
    { "d_model", "768" },
    { "d_kv", "64" },
    { "d_ff", "2048" },
    { "expert_capacity", "64" },
    { "num_layers", "12" },
    { "num_sparse_encoder_layers", "3" },
    { "num_decoder_layers", "12" },
    { "num_sparse_decoder_layers", "3" },
    { "num_heads", "12" },
    { "num_experts", "8" },
    { "router_bias", "false" },
    { "router_jitter_noise", "0.01" },
    { "router_dtype", "\"float32\"" },
    { "router_ignore_padding_tokens", "false" },
    { "relative_attention_num_buckets", "32" },
    { "relative_attention_max_distance", "128" },
    { "dropout_rate", "0.1" },
    { "layer_norm_epsilon", "1e-06" },
    { "router_z_loss_coef", "0.001" },
    { "router_aux_loss_coef", "0.001" },
    { "initializer_factor", "1.0" },
    { "dense_act_fn", "\"relu\"" },
    { "add_router_probs", "false" },
    { "use_cache", "true" },
    { "is_encoder_decoder", "true" },
    { "pad_token_id", "0" },
    { "eos_token_id", "1" },
};

/* Attributes that every PretrainedConfig() has, generation settings last. */
static const struct attribute base_attributes[] = {
    { "return_dict", "true" },
    { "output_hidden_states", "false" },
    { "output_attentions", "false" },
    { "torchscript", "false" },
    { "torch_dtype", "null" },
    { "use_bfloat16", "false" },
    { "tf_legacy_loss", "false" },
    { "pruned_heads", "{}" },
    { "tie_word_embeddings", "true" },
    { "chunk_size_feed_forward", "0" },
    { "is_encoder_decoder", "false" },
    { "is_decoder", "false" },
    { "cross_attention_hidden_size", "null" },
    { "add_cross_attention", "false" },
    { "tie_encoder_decoder", "false" },
    { "architectures", "null" },
    { "finetuning_task", "null" },
    { "id2label", "{\"0\":\"LABEL_0\",\"1\":\"LABEL_1\"}" },
    { "label2id", "{\"LABEL_0\":0,\"LABEL_1\":1}" },
    { "tokenizer_class", "null" },
    { "prefix", "null" },
    { "bos_token_id", "null" },
    { "pad_token_id", "null" },
    { "eos_token_id", "null" },
    { "sep_token_id", "null" },
    { "decoder_start_token_id", "null" },
    { "task_specific_params", "null" },
    { "problem_type", "null" },
    { "_name_or_path", "\"\"" },
    { "model_type", "\"\"" },
    { "max_length", "20" },
    { "min_length", "0" },
    { "do_sample", "false" },
    { "early_stopping", "false" },
    { "num_beams", "1" },
    { "num_beam_groups", "1" },
    { "diversity_penalty", "0.0" },
    { "temperature", "1.0" },
    { "top_k", "50" },
    { "top_p", "1.0" },
    { "typical_p", "1.0" },
    { "repetition_penalty", "1.0" },
    { "length_penalty", "1.0" },
    { "no_repeat_ngram_size", "0" },
    { "encoder_no_repeat_ngram_size", "0" },
    { "bad_words_ids", "null" },
    { "num_return_sequences", "1" },
    { "output_scores", "false" },
    { "return_dict_in_generate", "false" },
    { "forced_bos_token_id", "null" },
    { "forced_eos_token_id", "null" },
    { "remove_invalid_values", "false" },
    { "exponential_decay_length_penalty", "null" },
    { "suppress_tokens", "null" },
    { "begin_suppress_tokens", "null" },
};

const char *pretrained_alias(const char *key)
{
    static const char *const aliases[][2] = {
        { "hidden_size", "d_model" },
        { "num_attention_heads", "num_heads" },
        { "num_hidden_layers", "num_layers" },
    };

    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
        if (strcmp(aliases[i][0], key) == 0)
            return aliases[i][1];
    }
    return key;
}

json_t *pretrained_coerce(const char *key, json_t *value)
{
    const struct attribute *a =
        attributes_find(ATTRIBUTES(switch_attributes), key);
    json_t *wanted;
    json_t *typed = NULL;
    double number;

    if (!a)
        a = attributes_find(ATTRIBUTES(base_attributes), key);
    if (!a || !py_number(value, &number))
        return json_incref(value);
    wanted = py_literal(a->value);
    if (json_is_real(wanted))
        typed = json_real(number);
    else if (json_is_integer(wanted) && fabs(number) < 1e15)
        typed = json_integer((json_int_t)number);
    else if (json_is_boolean(wanted))
        typed = json_boolean(number != 0);
    json_decref(wanted);
    if (typed && py_equal(typed, value))
        return typed;
    json_decref(typed);
    return json_incref(value);
}

/* encoder_sparse_step and its like: layers divided by sparse, or layers. */
static int set_step(json_t *a, const char *step, const char *layers,
                    const char *sparse, const char *what, struct error *err)
{
    json_t *total = json_object_get(a, layers);
    json_t *count = json_object_get(a, sparse);
    double number;

    if (!py_number(total, &number))
        return pretrained_refuse(err, what, layers, total,
                                 "it should be a number");
    if (!py_number(count, &number))
        return pretrained_refuse(err, what, sparse, count,
                                 "it should be a number");
    return py_set(a, step,
                  number > 0 ? py_floordiv(total, count) : json_incref(total),
                  err);
}

static int set_steps(json_t *a, const char *what, struct error *err)
{
    int rc = 0;

    if (json_is_null(json_object_get(a, "num_decoder_layers")))
        rc = py_set(a, "num_decoder_layers",
                    json_incref(json_object_get(a, "num_layers")), err);
    if (!rc)
        rc = set_step(a, "encoder_sparse_step", "num_layers",
                      "num_sparse_encoder_layers", what, err);
    if (!rc)
        rc = set_step(a, "decoder_sparse_step", "num_decoder_layers",
                      "num_sparse_decoder_layers", what, err);
    return rc;
}

/* n labels LABEL_0 ... both ways. */
static int make_labels(json_t *a, const json_t *num_labels, const char *what,
                       struct error *err)
{
    enum { MAX_LABELS = 10000 };
    json_int_t n = 2;
    json_t *id2label;
    json_t *label2id;
    int rc;

    if (num_labels && (!py_whole(num_labels, false, &n) || n > MAX_LABELS))
        return pretrained_refuse(err, what, "num_labels", num_labels,
                                 "it should be a whole number up to 10,000");
    rc = py_set(a, "id2label", json_object(), err);
    if (!rc)
        rc = py_set(a, "label2id", json_object(), err);
    id2label = json_object_get(a, "id2label");
    label2id = json_object_get(a, "label2id");
    for (json_int_t i = 0; i < n && !rc; i++) {
        char id[32];
        char label[32];

        snprintf(id, sizeof id, "%lld", (long long)i);
        snprintf(label, sizeof label, "LABEL_%lld", (long long)i);
        rc = py_set(id2label, id, json_string(label), err);
        if (!rc)
            rc = py_set(label2id, label, json_integer(i), err);
    }
    return rc;
}

/* Keys through int(), as they are JSON's texts again on the way out. */
static int copy_labels(json_t *a, json_t *given, const char *what,
                       struct error *err)
{
    const char *key;
    json_t *label;
    json_t *id2label;
    int rc = py_set(a, "id2label", json_object(), err);

    id2label = json_object_get(a, "id2label");
    json_object_foreach (given, key, label) {
        char *end;
        char id[32];
        long long n;

        errno = 0;
        n = strtoll(key, &end, 10);
        if (end == key || *end || errno)
            return pretrained_refuse(err, what, "id2label", given,
                                     "its keys should be whole numbers");
        snprintf(id, sizeof id, "%lld", n);
        rc = rc ? rc : py_set(id2label, id, json_incref(label), err);
    }
    return rc;
}

static int set_labels(json_t *a, const json_t *kwargs, const char *what,
                      struct error *err)
{
    json_t *id2label = json_object_get(kwargs, "id2label");
    json_t *label2id = json_object_get(kwargs, "label2id");

    if (label2id && !json_is_null(label2id) && !json_is_object(label2id))
        return pretrained_refuse(err, what, "label2id", label2id,
                                 "it should be an object");
    if (!id2label || json_is_null(id2label))
        return make_labels(a, json_object_get(kwargs, "num_labels"), what, err);
    if (!json_is_object(id2label))
        return pretrained_refuse(err, what, "id2label", id2label,
                                 "it should be an object");
    if (!label2id && py_set(a, "label2id", json_null(), err))
        return ERR_MEMORY;
    return copy_labels(a, id2label, what, err);
}

/* Taken by the constructors, and not kept under their names. */
static bool is_consumed(const char *key)
{
    static const char *const keys[] = {
        "num_labels",
        "name_or_path",
        "xla_device",
        "_commit_hash",
        "attn_implementation",
        "transformers_version",
        "_attn_implementation",
        "model_type",
        "_attn_implementation_internal",
    };

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(keys[i], key) == 0)
            return true;
    }
    return attributes_find(ATTRIBUTES(switch_attributes), key) ||
           (attributes_find(ATTRIBUTES(base_attributes), key) &&
            strcmp(key, "_name_or_path") != 0);
}

/* Everything else becomes an attribute, through the aliases, in any order. */
static int set_extras(json_t *a, json_t *kwargs, struct error *err)
{
    const char *key;
    json_t *value;
    int rc = 0;

    json_object_foreach (kwargs, key, value) {
        /* consumed by the model's constructor and removed */
        if (strcmp(key, "gradient_checkpointing") == 0 && py_truthy(value))
            continue;
        if (!rc && !is_consumed(key))
            rc = py_set(a, pretrained_alias(key), json_incref(value), err);
    }
    return rc;
}

static int set_name(json_t *a, const json_t *kwargs, const char *what,
                    struct error *err)
{
    json_t *name = json_object_get(kwargs, "name_or_path");

    if (!name || json_object_get(kwargs, "_name_or_path"))
        return 0;
    if (!json_is_string(name))
        return pretrained_refuse(err, what, "name_or_path", name,
                                 "it should be a string");
    return py_set(a, "_name_or_path", json_incref(name), err);
}

static int make_attributes(json_t *kwargs, const char *what, json_t *a,
                           struct error *err)
{
    int rc = attributes_take(kwargs, ATTRIBUTES(switch_attributes), a, err);

    if (!rc)
        rc = set_steps(a, what, err);
    if (!rc)
        rc = attributes_take(kwargs, ATTRIBUTES(base_attributes), a, err);
    if (!rc)
        rc = set_labels(a, kwargs, what, err);
    if (!rc)
        rc = set_name(a, kwargs, what, err);
    if (!rc)
        rc = set_extras(a, kwargs, err);
    if (!rc)
        rc = py_set(a, "model_type", json_string("switch_transformers"), err);
    return rc;
}

/* True if a config file has the attribute: it differs from a default. */
static bool differs(const char *key, const json_t *value, bool composition,
                    struct error *err, int *rc)
{
    const struct attribute *base =
        attributes_find(ATTRIBUTES(base_attributes), key);
    const struct attribute *own =
        attributes_find(ATTRIBUTES(switch_attributes), key);
    json_t *literal;
    bool differ;

    if (!base)
        return true;
    literal = py_literal(base->value);
    differ = literal && !py_equal(value, literal);
    if (!literal)
        *rc = error_memory(err);
    json_decref(literal);
    if (differ || !own || composition)
        return differ;
    literal = py_literal(own->value);
    differ = literal && !py_equal(value, literal);
    if (!literal)
        *rc = error_memory(err);
    json_decref(literal);
    return differ;
}

static int make_config(json_t *a, json_t *config, struct error *err)
{
    json_t *composition = json_object_get(a, "is_composition");
    const char *key;
    json_t *value;
    int rc = 0;

    json_object_foreach (a, key, value) {
        if (!rc && differs(key, value, composition && py_truthy(composition),
                           err, &rc))
            rc = py_set(config, key, json_incref(value), err);
    }
    if (!rc)
        rc = py_set(config, "transformers_version",
                    py_literal(PRETRAINED_VERSION), err);
    if (!rc)
        rc = py_set(config, "architectures",
                    py_literal("[\"SwitchTransformersForConditionalGeneration"
                               "\"]"),
                    err);
    json_object_del(config, "torch_dtype");
    if (json_object_get(config, "quantization_config"))
        json_object_del(config, "_pre_quantization_dtype");
    return rc;
}

int pretrained_make(json_t *kwargs, const char *what, struct pretrained *out,
                    struct error *err)
{
    int rc;

    out->attributes = json_object();
    out->config = json_object();
    out->generation = json_object();
    if (!out->attributes || !out->config || !out->generation)
        return error_memory(err);
    rc = make_attributes(kwargs, what, out->attributes, err);
    if (!rc)
        rc = pretrained_check(kwargs, out->attributes, what, err);
    if (!rc)
        rc = make_config(out->attributes, out->config, err);
    if (!rc)
        rc = generation_make(out->attributes, what, out->generation, err);
    return rc;
}

void pretrained_done(struct pretrained *p)
{
    json_decref(p->attributes);
    json_decref(p->config);
    json_decref(p->generation);
    *p = (struct pretrained){ 0 };
}
