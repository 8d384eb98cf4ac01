/*
 * model/names.c: the rename table both ways.
 */
#include "unit.h"

#include "model/names.h"

START_TEST(test_match)
{
    static const struct {
        const char *name;
        const char *target; /* of expert 12, NULL: unknown */
        uint64_t layer;
    } cases[] = {
        { "token_embedder/embedding", "shared.weight", 0 },
        { "encoder/layers_0/attention/query/kernel",
          "encoder.block.0.layer.0.SelfAttention.q.weight", 0 },
        { "encoder/layers_11/attention/out/kernel",
          "encoder.block.11.layer.0.SelfAttention.o.weight", 11 },
        { "encoder/relpos_bias/rel_embedding",
          "encoder.block.0.layer.0.SelfAttention.relative_attention_bias."
          "weight",
          0 },
        { "encoder/layers_1/mlp/expert/wi/kernel",
          "encoder.block.1.layer.1.mlp.experts.expert_12.wi.weight", 1 },
        { "decoder/layers_3/mlp/expert/wo/kernel",
          "decoder.block.3.layer.2.mlp.experts.expert_12.wo.weight", 3 },
        { "decoder/layers_3/mlp/router/router_weights/w/kernel",
          "decoder.block.3.layer.2.mlp.router.classifier.weight", 3 },
        { "decoder/layers_3/mlp/router/router_weights/w/bias",
          "decoder.block.3.layer.2.mlp.router.classifier.bias", 3 },
        { "decoder/layers_2/encoder_decoder_attention/key/kernel",
          "decoder.block.2.layer.1.EncDecAttention.k.weight", 2 },
        { "decoder/layers_2/pre_cross_attention_layer_norm/scale",
          "decoder.block.2.layer.1.layer_norm.weight", 2 },
        { "decoder/decoder_norm/scale", "decoder.final_layer_norm.weight", 0 },
        { "decoder/logits_dense/kernel", "lm_head.weight", 0 },
        { "encoder/layers_01/attention/query/kernel", NULL, 0 },
        { "encoder/layers_/attention/query/kernel", NULL, 0 },
        { "encoder/layers_4294967296000/attention/query/kernel", NULL, 0 },
        { "encoder/layers_0/attention/query/kernel/x", NULL, 0 },
        { "encoder/layers_0/attention/query", NULL, 0 },
        { "encoder/layers_0/self_attention/query/kernel", NULL, 0 },
        { "", NULL, 0 },
    };
    const struct names_row *rows;
    char text[NAMES_MAX];
    uint64_t layer;
    size_t count;
    size_t row;

    rows = names_rows(&count);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool found = names_match(cases[i].name, &row, &layer);

        ck_assert_msg(found == (cases[i].target != NULL), "%s", cases[i].name);
        if (!found)
            continue;
        ck_assert_uint_eq(layer, cases[i].layer);
        names_target(&rows[row], layer, 12, text);
        ck_assert_str_eq(text, cases[i].target);
        names_source(&rows[row], layer, text);
        ck_assert_str_eq(text, cases[i].name);
    }
}
END_TEST

/* What the readers of the table rely on. */
START_TEST(test_table)
{
    const struct names_row *rows;
    char text[NAMES_MAX];
    uint64_t layer;
    size_t count;
    size_t row;

    rows = names_rows(&count);
    for (size_t i = 0; i < count; i++) {
        size_t len = names_target(&rows[i], 999999999, UINT64_MAX, text);

        ck_assert_uint_lt(len, NAMES_MAX);
        ck_assert_uint_eq(strlen(text), len);
        names_source(&rows[i], 7, text);
        ck_assert(names_match(text, &row, &layer));
        ck_assert_uint_eq(row, rows[i].when == WHEN_COPY ? 0 : i);
        ck_assert_uint_ge(rows[i].rank, 1);
        ck_assert_uint_le(rows[i].rank, NAMES_RANK);
        ck_assert_int_eq(names_per_expert(&rows[i]),
                         rows[i].rank == 3 && rows[i].dims[0] == DIM_EXPERTS);
        ck_assert_int_eq(strstr(rows[i].target, "{e}") != NULL,
                         names_per_expert(&rows[i]));
        for (unsigned k = 0; k < rows[i].rank; k++)
            ck_assert_int_ne((int)rows[i].dims[k], DIM_NONE);
    }
}
END_TEST

START_TEST(test_hints)
{
    char text[NAMES_MAX];
    char *name = calloc(1, 5000);

    ck_assert(names_closest("encoder/layers_4/atention/query/kernel", text));
    ck_assert_str_eq(text, "encoder/layers_4/attention/query/kernel");
    ck_assert(names_closest("decoder/logit_dense/kernel", text));
    ck_assert_str_eq(text, "decoder/logits_dense/kernel");
    ck_assert(!names_closest("visual/patch_embedding/kernel/of/another", text));
    memset(name, 'x', 4999);
    ck_assert(!names_closest(name, text));
    free(name);
    ck_assert_ptr_nonnull(
        strstr(names_foreign("encoder/layers_1/mlp/expert/wi_0/kernel"),
               "gated experts"));
    ck_assert_ptr_nonnull(
        strstr(names_foreign("decoder/layers_0/mlp/wi_1/kernel"), "T5 1.1"));
    ck_assert_ptr_null(names_foreign("encoder/layers_1/mlp/wi/kernel"));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_match, test_table, test_hints };

    return unit_run("names", tests, sizeof tests / sizeof tests[0]);
}
