/*
 * Which layers have experts, and how wide they are.
 *
 * flaxformer places n sparse layers of N by a layout: MIXED makes every
 * (N / n)th layer sparse, the last of each group; BOTTOM, MIDDLE and TOP put
 * them together (flaxformer/architectures/moe/moe_architecture.py).
 * transformers has one rule, i % step == 1, or all layers (dims_sparse()).
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "model/dims.h"
#include "model/gin_model_parts.h"

/* No model has more; beyond it patterns are not looked at. */
enum { LAYERS_MAX = 10000 };

struct stack {
    const char *side;
    const char *layers; /* key */
    const char *sparse; /* key */
    const char *selector;
};

static const struct stack stacks[] = {
    { "encoder", "num_layers", "num_sparse_encoder_layers", "SparseEncoder" },
    { "decoder", "num_decoder_layers", "num_sparse_decoder_layers",
      "SparseDecoder" },
};

static bool is_bottom(json_int_t i, json_int_t layers, json_int_t sparse)
{
    (void)layers;
    return i < sparse;
}

static bool is_middle(json_int_t i, json_int_t layers, json_int_t sparse)
{
    return layers - sparse <= 2 * i && 2 * i < layers + sparse;
}

static bool is_mixed(json_int_t i, json_int_t layers, json_int_t sparse)
{
    json_int_t every = sparse > 0 ? layers / sparse : 0;

    return every > 0 && i % every == every - 1;
}

static bool is_top(json_int_t i, json_int_t layers, json_int_t sparse)
{
    return i >= layers - sparse;
}

static const struct layout {
    const char *name;
    bool (*is_sparse)(json_int_t i, json_int_t layers, json_int_t sparse);
} layouts[] = {
    { "MIXED", is_mixed },
    { "BOTTOM", is_bottom },
    { "MIDDLE", is_middle },
    { "TOP", is_top },
};

/*
 * A stack's layout, which is text or the member of an enum, that is a macro
 * which is not bound. NULL if it is none of them.
 */
static int read_layout(const struct gin *g, const struct stack *stack,
                       const struct layout **out, struct error *err)
{
    const struct gin_binding *b = gin_find(g, stack->selector, "sparse_layout");
    const struct gin_binding *at = b;
    const struct gin_value *v = NULL;
    const char *name = "MIXED";
    int rc = b ? gin_resolve_binding(g, b, &v, &at, err) : 0;

    if (rc)
        return rc;
    if (b) {
        v = v ? v : &at->value;
        name = v->text ? v->text : "";
        name = strrchr(name, '.') ? strrchr(name, '.') + 1 : name;
    }
    *out = NULL;
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        if (!strcasecmp(layouts[i].name, name))
            *out = &layouts[i];
    return 0;
}

/* The only step that transformers' rule can have for these sparse layers. */
static uint64_t step_for(const struct layout *layout, json_int_t layers,
                         json_int_t sparse)
{
    json_int_t second = 2;

    if (sparse == 0)
        return 0;
    if (layout->is_sparse(0, layers, sparse))
        return 1;
    while (second < layers && !layout->is_sparse(second, layers, sparse))
        second++;
    return (uint64_t)second - 1 > 1 ? (uint64_t)second - 1 : 2;
}

static bool is_expressible(const struct layout *layout, json_int_t layers,
                           json_int_t sparse)
{
    uint64_t step = step_for(layout, layers, sparse);

    if (layout->is_sparse == is_mixed && sparse > 0 && layers % sparse != 0)
        return false; /* flaxformer itself refuses that */
    for (json_int_t i = 0; i < layers; i++)
        if (layout->is_sparse(i, layers, sparse) !=
            dims_sparse(step, (uint64_t)i))
            return false;
    return true;
}

static const struct gin_binding *parameter_of(const struct gin *g,
                                              const struct stack *stack,
                                              const struct gin_fact *fact)
{
    const struct gin_binding *b =
        gin_find(g, stack->selector, "num_sparse_layers");

    return b ? b : fact->at;
}

static int check_stack(const struct gin *g, const struct stack *stack,
                       struct gin_model *m, struct error *err)
{
    const struct gin_fact *layers = gin_model_find(m, stack->layers);
    const struct gin_fact *sparse = gin_model_find(m, stack->sparse);
    const struct layout *layout = NULL;
    struct error *refusal;
    json_int_t all;
    json_int_t some;
    int rc = read_layout(g, stack, &layout, err);

    if (rc || !layout || !layers || !sparse ||
        !json_is_integer(layers->value) || !json_is_integer(sparse->value))
        return rc;
    all = json_integer_value(layers->value);
    some = json_integer_value(sparse->value);
    if (all < 0 || all > LAYERS_MAX || some < 0 || some > all ||
        is_expressible(layout, all, some))
        return 0;
    rc = gin_model_refuse(m, parameter_of(g, stack, sparse), sparse->at,
                          "this pattern of layers with experts", &refusal, err);
    if (rc)
        return rc;
    error_expected(refusal, "experts in all layers, in none, or in layers 1, "
                            "1 + step, 1 + 2 step, ...");
    error_actual(refusal, "%lld of the %s's %lld layers, %s", (long long)some,
                 stack->side, (long long)all, layout->name);
    error_hint(refusal, "it has one rule: layer %% step == 1");
    return 0;
}

/* Whether no layer is dense. */
static bool is_all_sparse(const struct gin_model *m)
{
    for (size_t i = 0; i < sizeof stacks / sizeof *stacks; i++) {
        const struct gin_fact *layers = gin_model_find(m, stacks[i].layers);
        const struct gin_fact *sparse = gin_model_find(m, stacks[i].sparse);

        if (!layers || !sparse || !json_equal(layers->value, sparse->value))
            return false;
    }
    return true;
}

static bool is_no_sparse(const struct gin_model *m)
{
    for (size_t i = 0; i < sizeof stacks / sizeof *stacks; i++) {
        const struct gin_fact *sparse = gin_model_find(m, stacks[i].sparse);

        if (!sparse || json_integer_value(sparse->value) != 0 ||
            !json_is_integer(sparse->value))
            return false;
    }
    return true;
}

/* Experts have the width of dense layers, unless there are only experts. */
static int check_width(const struct gin *g, struct gin_model *m,
                       struct error *err)
{
    struct gin_fact *dense = (struct gin_fact *)gin_model_find(m, "d_ff");
    const struct gin_binding *b =
        gin_find(g, "expert/MlpBlock", "intermediate_dim");
    const struct gin_binding *at = b;
    const struct gin_value *v = NULL;
    struct error *refusal;
    int rc = b ? gin_resolve_binding(g, b, &v, &at, err) : 0;

    if (rc || !v || v->kind != GIN_INT || !dense ||
        json_integer_value(dense->value) == v->integer || is_no_sparse(m))
        return rc;
    if (is_all_sparse(m)) {
        json_integer_set(dense->value, v->integer);
        dense->at = at;
        return 0;
    }
    rc = gin_model_refuse(
        m, b, at, "experts of another width than dense layers", &refusal, err);
    if (rc)
        return rc;
    error_expected(refusal, "%lld, as %.80s:%u has it",
                   (long long)json_integer_value(dense->value), dense->at->file,
                   dense->at->line);
    error_hint(refusal, "it has one d_ff for all layers");
    return 0;
}

int gin_model_layers(const struct gin *g, struct gin_model *m,
                     struct error *err)
{
    int rc = 0;

    for (size_t i = 0; i < sizeof stacks / sizeof *stacks && !rc; i++)
        rc = check_stack(g, &stacks[i], m, err);
    return rc ? rc : check_width(g, m, err);
}
