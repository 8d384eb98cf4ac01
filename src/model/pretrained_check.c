/*
 * Refusals, each with its reason.
 *
 * Some settings make transformers raise an exception; others change the model's
 * tensors (pruned heads, cloned or encoder-decoder tied weights), so that no
 * checkpoint can fill it.
 */
#include "model/pretrained_check.h"

#include <stdbool.h>
#include <string.h>

#include "model/pretrained.h"
#include "model/pyvalue.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* transformers' ACT2FN. */
bool pretrained_has_activation(const char *name)
{
    static const char *const names[] = {
        "gelu",     "gelu_10",     "gelu_fast",
        "gelu_new", "gelu_python", "gelu_pytorch_tanh",
        "laplace",  "leaky_relu",  "gelu_accurate",
        "linear",   "mish",        "quick_gelu",
        "relu",     "relu2",       "relu6",
        "sigmoid",  "silu",        "swish",
        "tanh",
    };

    for (size_t i = 0; i < COUNT(names); i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

int pretrained_refuse(struct error *err, const char *what, const char *key,
                      const json_t *value, const char *why)
{
    char text[96];

    error_set(err, ERR_CONFIG, "%s: %s is %s: %s", what, key,
              py_format(value, text, sizeof text), why);
    error_actual(err, "%s", text);
    return error_subject(err, "%s: %s", what, key);
}

static bool is_one_of(const json_t *v, const char *const *texts)
{
    for (; json_is_string(v) && *texts; texts++) {
        if (strcmp(json_string_value(v), *texts) == 0)
            return true;
    }
    return false;
}

/* Numbers that a module's constructor looks at. */
static int check_numbers(const json_t *a, const char *what, struct error *err)
{
    static const struct {
        const char *key;
        double max;
        const char *want;
    } numbers[] = {
        { "dropout_rate", 1, "it should be a number from 0 to 1" },
        { "initializer_factor", 1e300, "it should be a number, 0 or more" },
    };

    for (size_t i = 0; i < COUNT(numbers); i++) {
        json_t *v = json_object_get(a, numbers[i].key);
        double number;

        if (!py_number(v, &number) || number < 0 || number > numbers[i].max)
            return pretrained_refuse(err, what, numbers[i].key, v,
                                     numbers[i].want);
    }
    return 0;
}

static int check_texts(const json_t *a, const char *what, struct error *err)
{
    static const char *const router[] = { "float32", "float16", "bfloat16",
                                          NULL };
    static const char *const problems[] = { "regression",
                                            "single_label_classification",
                                            "multi_label_classification",
                                            NULL };
    static const char *const dtypes[] = {
        "float32",   "float",      "float64", "double", "float16", "half",
        "bfloat16",  "int8",       "uint8",   "int16",  "short",   "int32",
        "int",       "int64",      "long",    "bool",   "cfloat",  "cdouble",
        "complex64", "complex128", NULL
    };
    json_t *v = json_object_get(a, "router_dtype");

    if (!is_one_of(v, router))
        return pretrained_refuse(err, what, "router_dtype", v,
                                 "it should be float32, float16 or bfloat16");
    v = json_object_get(a, "problem_type");
    if (!json_is_null(v) && !is_one_of(v, problems))
        return pretrained_refuse(
            err, what, "problem_type", v,
            "it should be regression, single_label_classification "
            "or multi_label_classification");
    v = json_object_get(a, "torch_dtype");
    if (!json_is_null(v) && !is_one_of(v, dtypes))
        return pretrained_refuse(err, what, "torch_dtype", v,
                                 "torch has no such data type");
    v = json_object_get(a, "dense_act_fn");
    if (!json_is_string(v) || !pretrained_has_activation(json_string_value(v)))
        return pretrained_refuse(
            err, what, "dense_act_fn", v,
            "transformers has no such activation function");
    return 0;
}

/* Settings under which the model is another one, or none. */
static int check_settings(const json_t *kwargs, const json_t *a,
                          const char *what, struct error *err)
{
    static const char *const internal[] = { "self", "attribute_map",
                                            "use_return_dict", "_auto_class",
                                            NULL };
    json_t *v = json_object_get(a, "pruned_heads");

    if (!json_is_object(v) || json_object_size(v) > 0)
        return pretrained_refuse(err, what, "pruned_heads", v,
                                 "a checkpoint has every head");
    v = json_object_get(a, "torchscript");
    if (py_truthy(v))
        return pretrained_refuse(err, what, "torchscript", v,
                                 "transformers would clone tied weights");
    v = json_object_get(a, "tie_encoder_decoder");
    if (py_truthy(v))
        return pretrained_refuse(
            err, what, "tie_encoder_decoder", v,
            "encoder and decoder have weights of their own");
    for (size_t i = 0; internal[i]; i++) {
        v = json_object_get(kwargs, internal[i]);
        if (v)
            return pretrained_refuse(err, what, internal[i], v,
                                     "it can't be set");
    }
    v = json_object_get(a, "quantization_config");
    if (v && !json_is_object(v))
        return pretrained_refuse(err, what, "quantization_config", v,
                                 "it should be an object");
    return 0;
}

/* The model has eager attention only, and the setting is not written. */
static int check_attention(const json_t *kwargs, const char *what,
                           struct error *err)
{
    static const char *const keys[] = { "_attn_implementation",
                                        "_attn_implementation_internal" };
    static const char *const eager[] = { "eager", NULL };

    for (size_t i = 0; i < COUNT(keys); i++) {
        json_t *v = json_object_get(kwargs, keys[i]);

        if (v && !json_is_null(v) && !is_one_of(v, eager))
            return pretrained_refuse(err, what, keys[i], v,
                                     "the model has no other implementation "
                                     "than eager");
    }
    return 0;
}

/* A torch_dtype inside of nested objects must be text. */
static int check_nested(json_t *object, const char *what, struct error *err)
{
    const char *key;
    json_t *value;
    int rc = 0;

    json_object_foreach (object, key, value) {
        if (rc)
            break;
        if (json_is_object(value))
            rc = check_nested(value, what, err);
        else if (strcmp(key, "torch_dtype") == 0 && !json_is_null(value) &&
                 !json_is_string(value))
            rc = pretrained_refuse(err, what, key, value,
                                   "it should be a string");
    }
    return rc;
}

int pretrained_check(const json_t *kwargs, json_t *attributes, const char *what,
                     struct error *err)
{
    int rc = check_settings(kwargs, attributes, what, err);

    if (!rc)
        rc = check_attention(kwargs, what, err);
    if (!rc)
        rc = check_numbers(attributes, what, err);
    if (!rc)
        rc = check_texts(attributes, what, err);
    if (!rc)
        rc = check_nested(attributes, what, err);
    return rc;
}
