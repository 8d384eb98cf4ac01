/*
 * GenerationConfig.from_model_config() and what its save_pretrained() checks
 * (generation/configuration_utils.py of transformers 4.44.2).
 *
 * Caches and watermarks are objects of other classes there: such settings are
 * refused, not imitated.
 */
#include "model/generation.h"

#include <stdbool.h>
#include <string.h>

#include "model/attributes.h"
#include "model/pretrained.h"
#include "model/pretrained_check.h"
#include "model/pyvalue.h"

static const struct attribute attributes[] = {
    { "max_length", "20" },
    { "max_new_tokens", "null" },
    { "min_length", "0" },
    { "min_new_tokens", "null" },
    { "early_stopping", "false" },
    { "max_time", "null" },
    { "stop_strings", "null" },
    { "do_sample", "false" },
    { "num_beams", "1" },
    { "num_beam_groups", "1" },
    { "penalty_alpha", "null" },
    { "use_cache", "true" },
    { "temperature", "1.0" },
    { "top_k", "50" },
    { "top_p", "1.0" },
    { "min_p", "null" },
    { "typical_p", "1.0" },
    { "epsilon_cutoff", "0.0" },
    { "eta_cutoff", "0.0" },
    { "diversity_penalty", "0.0" },
    { "repetition_penalty", "1.0" },
    { "encoder_repetition_penalty", "1.0" },
    { "length_penalty", "1.0" },
    { "no_repeat_ngram_size", "0" },
    { "bad_words_ids", "null" },
    { "force_words_ids", "null" },
    { "renormalize_logits", "false" },
    { "constraints", "null" },
    { "forced_bos_token_id", "null" },
    { "forced_eos_token_id", "null" },
    { "remove_invalid_values", "false" },
    { "exponential_decay_length_penalty", "null" },
    { "suppress_tokens", "null" },
    { "begin_suppress_tokens", "null" },
    { "forced_decoder_ids", "null" },
    { "sequence_bias", "null" },
    { "token_healing", "false" },
    { "guidance_scale", "null" },
    { "low_memory", "null" },
    { "watermarking_config", "null" },
    { "num_return_sequences", "1" },
    { "output_attentions", "false" },
    { "output_hidden_states", "false" },
    { "output_scores", "false" },
    { "output_logits", "null" },
    { "return_dict_in_generate", "false" },
    { "pad_token_id", "null" },
    { "bos_token_id", "null" },
    { "eos_token_id", "null" },
    { "encoder_no_repeat_ngram_size", "0" },
    { "decoder_start_token_id", "null" },
    { "num_assistant_tokens", "5" },
    { "num_assistant_tokens_schedule", "\"heuristic\"" },
    { "dola_layers", "null" },
    { "cache_implementation", "null" },
    { "cache_config", "null" },
    { "return_legacy_cache", "true" },
    { "prompt_lookup_num_tokens", "null" },
    { "max_matching_ngram_size", "null" },
    { "generation_kwargs", "{}" },
};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/*
 * Some models keep generation settings in a nested decoder config: used where
 * the own one is still the default.
 */
static int take_nested(const json_t *a, json_t *all, const char *what,
                       struct error *err)
{
    static const char *const nested[] = { "decoder", "generator",
                                          "text_config" };
    int rc = 0;

    for (size_t i = 0; i < COUNT(nested) && !rc; i++) {
        json_t *object = json_object_get(a, nested[i]);

        if (!object)
            continue;
        if (!json_is_object(object))
            return pretrained_refuse(err, what, nested[i], object,
                                     "it should be an object");
        for (size_t k = 0; k < COUNT(attributes) && !rc; k++) {
            const struct attribute *g = &attributes[k];
            json_t *value = json_object_get(object, g->key);
            json_t *literal = value ? py_literal(g->value) : NULL;

            if (literal && py_equal(json_object_get(all, g->key), literal))
                rc = py_set(all, g->key, json_incref(value), err);
            json_decref(literal);
        }
    }
    return rc;
}

int generation_make(const json_t *a, const char *what, json_t *all,
                    struct error *err)
{
    int rc = attributes_take(a, attributes, COUNT(attributes), all, err);

    if (!rc && json_is_null(json_object_get(all, "num_beams")))
        rc = py_set(all, "num_beams", json_integer(1), err);
    if (!rc)
        rc = take_nested(a, all, what, err);
    for (size_t k = 0; k < COUNT(attributes) && !rc; k++) {
        const struct attribute *g = &attributes[k];
        json_t *literal = py_literal(g->value);

        if (!literal)
            rc = error_memory(err);
        else if (py_equal(json_object_get(all, g->key), literal))
            json_object_del(all, g->key);
        json_decref(literal);
    }
    if (!rc)
        rc = py_set(all, "_from_model_config", json_true(), err);
    if (!rc)
        rc = py_set(all, "transformers_version", py_literal(PRETRAINED_VERSION),
                    err);
    return rc;
}

/* The setting, or its default. The caller owns it; NULL is no memory. */
static json_t *setting(const json_t *generation, const char *key)
{
    json_t *value = json_object_get(generation, key);
    const struct attribute *a = attributes_find(ATTRIBUTES(attributes), key);

    return value ? json_incref(value) : py_literal(a->value);
}

static bool is_set(const json_t *generation, const char *key)
{
    json_t *value = json_object_get(generation, key);

    return value && !json_is_null(value);
}

static int refuse(const json_t *generation, const char *what, const char *key,
                  const char *why, struct error *err)
{
    json_t *value = setting(generation, key);
    int rc = value ? pretrained_refuse(err, what, key, value, why)
                   : error_memory(err);

    json_decref(value);
    return rc;
}

/* The setting as a number: its default's where it is none. */
static double number(const json_t *generation, const char *key)
{
    json_t *value = setting(generation, key);
    double n = 0;

    if (value)
        py_number(value, &n);
    json_decref(value);
    return n;
}

/* do_sample is False, which settings of sampling contradict. */
static int check_greedy(const json_t *g, const char *what, struct error *err)
{
    static const char *const keys[] = { "temperature",    "top_p",
                                        "min_p",          "typical_p",
                                        "epsilon_cutoff", "eta_cutoff" };
    static const char why[] = "it has no effect unless do_sample is true, and "
                              "transformers 4.44 refuses to save that";

    if (json_object_get(g, "do_sample"))
        return 0;
    for (size_t i = 0; i < COUNT(keys); i++) {
        if (is_set(g, keys[i]))
            return refuse(g, what, keys[i], why, err);
    }
    if (is_set(g, "top_k") && !is_set(g, "penalty_alpha"))
        return refuse(g, what, "top_k", why, err);
    return 0;
}

/* num_beams is 1, which settings of beam search contradict. */
static int check_single_beam(const json_t *g, const char *what,
                             struct error *err)
{
    static const char *const keys[] = { "num_beam_groups", "diversity_penalty",
                                        "length_penalty", "constraints" };
    static const char why[] = "it has no effect unless num_beams is more than "
                              "1, and transformers 4.44 refuses to save that";

    if (json_object_get(g, "early_stopping"))
        return refuse(g, what, "early_stopping", why, err);
    for (size_t i = 0; i < COUNT(keys); i++) {
        if (is_set(g, keys[i]))
            return refuse(g, what, keys[i], why, err);
    }
    return 0;
}

static int check_beams(const json_t *g, const char *what, struct error *err)
{
    bool sampling = json_is_true(json_object_get(g, "do_sample"));
    bool groups = json_object_get(g, "num_beam_groups");
    double beams = number(g, "num_beams");
    double per = number(g, "num_beam_groups");

    if (is_set(g, "constraints") || is_set(g, "force_words_ids")) {
        if (sampling)
            return refuse(g, what, "do_sample",
                          "constrained beam search can't sample", err);
        if (is_set(g, "num_beam_groups"))
            return refuse(g, what, "num_beam_groups",
                          "constrained beam search has no groups", err);
    }
    if (!groups && !json_object_get(g, "diversity_penalty"))
        return 0;
    if (sampling)
        return refuse(g, what, "do_sample", "group beam search can't sample",
                      err);
    if (per < 1 || beams / per != (double)(long long)(beams / per))
        return refuse(g, what, "num_beam_groups", "it should divide num_beams",
                      err);
    if (!json_object_get(g, "diversity_penalty"))
        return refuse(g, what, "num_beam_groups",
                      "it needs a diversity_penalty above 0", err);
    return 0;
}

static int check_values(const json_t *g, const char *what, struct error *err)
{
    json_t *stop = json_object_get(g, "early_stopping");
    double n;

    if (stop && !(py_number(stop, &n) && (n == 0 || n == 1)) &&
        !(json_is_string(stop) &&
          strcmp(json_string_value(stop), "never") == 0))
        return refuse(g, what, "early_stopping",
                      "it should be true, false or \"never\"", err);
    if (is_set(g, "max_new_tokens") && number(g, "max_new_tokens") <= 0)
        return refuse(g, what, "max_new_tokens", "it should be above 0", err);
    if (is_set(g, "pad_token_id") && number(g, "pad_token_id") < 0)
        return refuse(g, what, "pad_token_id", "it should not be negative",
                      err);
    if (is_set(g, "dola_layers") && number(g, "repetition_penalty") < 1.2)
        return refuse(g, what, "dola_layers",
                      "it needs a repetition_penalty of 1.2 or more", err);
    return 0;
}

/* Settings whose kind of value Python's comparisons need. */
static int check_kinds(const json_t *g, const char *what, struct error *err)
{
    static const char *const keys[] = {
        "max_new_tokens",  "pad_token_id",         "num_beams",
        "num_beam_groups", "num_return_sequences",
    };
    static const char *const objects[] = { "watermarking_config",
                                           "cache_config" };
    const char *cache =
        json_string_value(json_object_get(g, "cache_implementation"));

    for (size_t i = 0; i < COUNT(keys); i++) {
        double n;

        if (is_set(g, keys[i]) && !py_number(json_object_get(g, keys[i]), &n))
            return refuse(g, what, keys[i], "it should be a number", err);
    }
    for (size_t i = 0; i < COUNT(objects); i++) {
        if (is_set(g, objects[i]))
            return refuse(g, what, objects[i],
                          "such a setting can't be converted", err);
    }
    if (is_set(g, "cache_implementation") &&
        (!cache || strcmp(cache, "quantized") == 0))
        return refuse(g, what, "cache_implementation",
                      "such a setting can't be converted", err);
    return 0;
}

int generation_check(const json_t *g, const char *what, struct error *err)
{
    bool single = number(g, "num_beams") == 1;
    double sequences = number(g, "num_return_sequences");
    int rc = check_kinds(g, what, err);

    if (!rc)
        rc = check_values(g, what, err);
    if (!rc)
        rc = check_greedy(g, what, err);
    if (!rc)
        rc = single ? check_single_beam(g, what, err)
                    : check_beams(g, what, err);
    if (rc || sequences == 1)
        return rc;
    if (single && !json_object_get(g, "do_sample"))
        return refuse(g, what, "num_return_sequences",
                      "greedy search returns one sequence", err);
    if (!single && sequences > number(g, "num_beams"))
        return refuse(g, what, "num_return_sequences",
                      "it should not exceed num_beams", err);
    return 0;
}
