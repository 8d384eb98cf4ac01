/*
 * Parameters with values for which Hugging Face's model has no place, in
 * whatever scope they are bound.
 */
#include <string.h>

#include "model/gin_model_parts.h"

#define NO_BIAS "its layers have no bias: such weights have no place"
#define OTHER_LAYERS "it has no such layers: their weights have no place"
#define ONE_EXPERT "its router sends each token to its best expert"

/* What a parameter must not be, in whatever scope. */
static const struct taboo {
    const char *selector;
    const char *parameter;
    const char *expected; /* gin text */
    const char *what;
    const char *hint;
} taboos[] = {
    { "MlpBlock", "use_bias", "False", "feed-forward layers with a bias",
      NO_BIAS },
    { "MultiHeadDotProductAttention", "use_bias", "False",
      "attention with a bias", NO_BIAS },
    { "SparseEncoderLayer", "extra_mlp", "None",
      "a dense layer beside the experts", OTHER_LAYERS },
    { "SparseDecoderLayer", "extra_mlp", "None",
      "a dense layer beside the experts", OTHER_LAYERS },
    { "SparseEncoderLayer", "parallel", "False", "parallel layers",
      OTHER_LAYERS },
    { "SparseDecoderLayer", "parallel", "False", "parallel layers",
      OTHER_LAYERS },
    { "EncoderLayer", "parallel", "False", "parallel layers", OTHER_LAYERS },
    { "DecoderLayer", "parallel", "False", "parallel layers", OTHER_LAYERS },
    { "TokensChooseMaskedRouter", "num_selected_experts", "1",
      "more than one expert for each token", ONE_EXPERT },
    { "TokensChooseScatterRouter", "num_selected_experts", "1",
      "more than one expert for each token", ONE_EXPERT },
};

/* Whether a value is what a taboo expects. */
static bool is_expected(const struct gin_value *v, const char *expected)
{
    if (!strcmp(expected, "1"))
        return v->kind == GIN_INT ? v->integer == 1
                                  : v->kind == GIN_FLOAT && v->number == 1;
    if (v->kind == GIN_BOOL)
        return !v->boolean;
    return v->kind == GIN_NONE || (v->kind == GIN_INT && v->integer == 0);
}

static int check_taboos(const struct gin *g, const struct gin_binding *b,
                        struct gin_model *m, struct error *err)
{
    const struct taboo *t = NULL;
    const struct gin_binding *at;
    const struct gin_value *v;
    struct error *refusal;
    int rc;

    for (size_t i = 0; i < sizeof taboos / sizeof *taboos && !t; i++)
        if (gin_model_is(b, taboos[i].selector, taboos[i].parameter))
            t = &taboos[i];
    if (!t)
        return 0;
    rc = gin_resolve_binding(g, b, &v, &at, err);
    if (rc || !v || is_expected(v, t->expected))
        return rc;
    rc = gin_model_refuse(m, b, at, t->what, &refusal, err);
    if (rc)
        return rc;
    error_expected(refusal, "%s", t->expected);
    error_hint(refusal, "%s", t->hint);
    return 0;
}

/* The macro, where the router that uses it is not at hand. */
static int check_selected(const struct gin *g, struct gin_model *m,
                          struct error *err)
{
    const struct gin_binding *b = gin_find_macro(g, "NUM_SELECTED_EXPERTS");
    const struct gin_fact *fact = gin_model_find(m, "num_selected_experts");
    struct error *refusal;
    int rc;

    if (!b || !fact || json_number_value(fact->value) == 1 ||
        gin_find(g, "TokensChooseMaskedRouter", "num_selected_experts") ||
        gin_find(g, "TokensChooseScatterRouter", "num_selected_experts"))
        return 0;
    rc = gin_model_refuse(m, b, fact->at, "more than one expert for each token",
                          &refusal, err);
    if (rc)
        return rc;
    error_expected(refusal, "1");
    error_hint(refusal, ONE_EXPERT);
    return 0;
}

static int check_router(const struct gin *g, const struct gin_binding *b,
                        struct gin_model *m, struct error *err)
{
    const struct gin_binding *at;
    const struct gin_value *v;
    struct error *refusal;
    int rc;

    if (!gin_model_is(b, "MoeLayer", "router"))
        return 0;
    rc = gin_resolve_binding(g, b, &v, &at, err);
    if (rc || !v || v->kind != GIN_REFERENCE ||
        !strstr(v->text, "ExpertsChoose"))
        return rc;
    rc = gin_model_refuse(m, b, at, "a router in which experts choose tokens",
                          &refusal, err);
    if (rc)
        return rc;
    error_expected(refusal, "a router in which tokens choose experts");
    error_hint(refusal, ONE_EXPERT);
    return 0;
}

int gin_model_taboos(const struct gin *g, struct gin_model *m,
                     struct error *err)
{
    size_t count;
    const struct gin_binding *const *effective = gin_effective(g, &count);
    int rc = 0;

    for (size_t i = 0; i < count && !rc; i++) {
        rc = check_router(g, effective[i], m, err);
        if (!rc)
            rc = check_taboos(g, effective[i], m, err);
    }
    return rc ? rc : check_selected(g, m, err);
}
