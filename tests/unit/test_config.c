/*
 * model/: configurations, as tables: what is stated and how it agrees with the
 * tensors, and what the reference stops at.
 */
#include "unit.h"

#include "fake_checkpoint.h"
#include "model/model.h"

/* What a model is built of, and the value or the refusal that comes of it. */
struct attempt {
    const char *gin;
    const char *config;
    uint64_t num_experts;
    const char *sparse; /* of both sides, NULL: dsds */
    bool untied;
    int code;         /* 0: it succeeds */
    const char *word; /* in the error, or a member's name */
    const char *text; /* "expected|actual" of the error, or the member */
};

static void check_member(const struct model *m, const struct attempt *a)
{
    struct buf b = BUF_INIT(1 << 16);
    char want[256];

    model_write_config(m, "float32", &b);
    snprintf(want, sizeof want, "\n  \"%s\": %s", a->word, a->text);
    ck_assert_msg(strstr(buf_str(&b), want), "no %s in %s", want, buf_str(&b));
    buf_done(&b);
}

static void check_error(const struct error *err, const struct attempt *a,
                        int rc)
{
    char sides[400];

    ck_assert_msg(rc == a->code, "%d, not %d: %s", rc, a->code, err->text);
    ck_assert_msg(strstr(err->text, a->word), "no '%s' in '%s'", a->word,
                  err->text);
    snprintf(sides, sizeof sides, "%s|%s", err->expected, err->actual);
    ck_assert_msg(!a->text || strcmp(sides, a->text) == 0, "'%s' is not '%s'",
                  sides, a->text);
}

static void try(const struct attempt *a, enum model_compat compat)
{
    struct model_options o = {
        .compat = compat,
        .gin = a->gin,
        .gin_len = a->gin ? strlen(a->gin) : 0,
        .gin_name = "model.gin",
        .config = a->config,
        .config_len = a->config ? strlen(a->config) : 0,
        .config_name = "config.json",
        .num_experts = a->num_experts,
    };
    struct fake_model f = FAKE_TINY;
    struct checkpoint *c;
    struct model *m = NULL;
    struct error err = { 0 };
    int rc;

    f.untied = a->untied;
    if (a->sparse)
        f.sparse[0] = f.sparse[1] = a->sparse;
    if (compat == MODEL_REFERENCE && a->gin)
        f.vocab = 32128;
    c = fake_model_new(f);
    rc = model_build(c, &o, &m, &err);
    if (a->code == 0 && rc == 0)
        check_member(m, a);
    else
        check_error(&err, a, rc);
    model_free(m);
    fake_free(c);
}

#define GIN(text) text, NULL, 0, NULL, false
#define CONFIG(text) NULL, text, 0, NULL, false
#define CONFLICT(word, sides) ERR_CONFLICT, word, sides

static const struct attempt right[] = {
    /* sizes */
    { CONFIG("{\"d_model\": 32}"),
      CONFLICT("config.json:1 states d_model = 32", "32|16") },
    { CONFIG("{\n\n\"hidden_size\": 32}"),
      CONFLICT("config.json:3 states d_model", "32|16") },
    { CONFIG("{\"vocab_size\": 65}"), CONFLICT("vocab_size", "65|64") },
    { CONFIG("{\"num_heads\": \"2\"}"), CONFLICT("num_heads", "\"2\"|2") },
    { CONFIG("{\"d_kv\": 16}"), CONFLICT("d_kv", "16|8") },
    { CONFIG("{\"num_layers\": 6}"), CONFLICT("num_layers", "6|4") },
    { CONFIG("{\"num_decoder_layers\": null}"), 0, "num_decoder_layers", "4" },
    { CONFIG("{\"relative_attention_num_buckets\": 16}"),
      CONFLICT("num_buckets", "16|32") },
    { GIN("EMBED_DIM = 32"), CONFLICT("model.gin:1 states d_model", "32|16") },
    { GIN("X = 9\nMLP_DIM = %X"),
      CONFLICT("model.gin:1 states d_ff = 9", "9|32") },
    { GIN("NUM_HEADS = 8"), CONFLICT("num_heads", "8|2") },
    { GIN("NUM_EMBEDDINGS = 32128"), CONFLICT("vocab_size", "32128|64") },
    { GIN("NUM_ENCODER_LAYERS = 12"), CONFLICT("num_layers", "12|4") },
    { GIN("RelativePositionBiases.num_buckets = 8"),
      CONFLICT("num_buckets", "8|32") },
    { GIN("NUM_HEADS=2 # of them\nHEAD_DIM = 8.0"), 0, "d_kv", "8" },
    /* experts */
    { NULL, NULL, 8, NULL, false, CONFLICT("num_experts option", "8|4") },
    { NULL, NULL, 4, NULL, false, 0, "num_experts", "4" },
    { CONFIG("{\"num_experts\": 2}"), CONFLICT("num_experts", "2|4") },
    { GIN("NUM_EXPERTS = 16"), CONFLICT("num_experts", "16|4") },
    { NULL, NULL, 5, "dddd", false, 0, "num_experts", "5" },
    { NULL, "{\"num_experts\": 6}", 0, "dddd", false, 0, "num_experts", "6" },
    { NULL, NULL, 0, "dddd", false, 0, "num_experts", "8" },
    /* the head */
    { NULL, "{\"tie_word_embeddings\": true}", 0, NULL, true,
      CONFLICT("tie_word_embeddings", "true|false") },
    { CONFIG("{\"tie_word_embeddings\": false}"),
      CONFLICT("tie_word_embeddings", "false|true") },
    { NULL, NULL, 0, NULL, true, 0, "tie_word_embeddings", "false" },
    /* sparse layers */
    { CONFIG("{\"num_sparse_encoder_layers\": 1}"),
      CONFLICT("num_sparse_encoder_layers",
               "1|2 of the encoder's 4 layers are sparse") },
    { CONFIG("{\"num_sparse_decoder_layers\": 0}"),
      CONFLICT("num_sparse_decoder_layers", NULL) },
    { CONFIG("{\"encoder_sparse_step\": 4}"),
      CONFLICT("encoder_sparse_step", NULL) },
    { CONFIG("{\"encoder_sparse_step\": \"x\"}"),
      CONFLICT("encoder_sparse_step", NULL) },
    { GIN("NUM_DECODER_SPARSE_LAYERS = 4"),
      CONFLICT("model.gin:1 states num_sparse_decoder_layers", NULL) },
    { NULL, "{\"num_sparse_encoder_layers\": 5}", 0, "dsdsdsdsdsds", false, 0,
      "num_sparse_encoder_layers", "5" },
    { NULL, "{\"num_sparse_encoder_layers\": 0, \"encoder_sparse_step\": 4}", 0,
      "dddd", false, 0, "encoder_sparse_step", "0" },
    { NULL, "{\"num_sparse_encoder_layers\": 9, \"encoder_sparse_step\": 4}", 0,
      "dddd", false, CONFLICT("encoder_sparse_step", NULL) },
    { NULL, "{\"encoder_sparse_step\": 4}", 0, "dddd", false,
      CONFLICT("encoder_sparse_step", NULL) },
    { NULL, NULL, 0, "dddd", false, 0, "encoder_sparse_step", "0" },
    { NULL, "{\"num_sparse_encoder_layers\": 2}", 0, "dsdds", false, 0,
      "encoder_sparse_step", "3" },
    /* activations */
    { GIN("dense.MlpBlock.activations = ('gelu',)"), 0, "dense_act_fn",
      "\"gelu\"" },
    { GIN("dense.MlpBlock.activations = ('gelu',)"), 0, "feed_forward_proj",
      "\"gelu\"" },
    { GIN("A = 'swish'\nB = (%A,)\nflaxformer.components.dense.MlpBlock."
          "activations = %B"),
      0, "dense_act_fn", "\"swish\"" },
    { GIN("dense.MlpBlock.activations = [@flax.linen.gelu]"), 0, "dense_act_fn",
      "\"gelu\"" },
    { GIN("expert/dense.MlpBlock.activations = 'relu'"), 0, "dense_act_fn",
      "\"relu\"" },
    { GIN("dense.MlpBlock.activations = ('gelu','linear')"), ERR_MODEL,
      "model.gin:1: gated activations", NULL },
    { GIN("dense.MlpBlock.activations = ('relu',)\n"
          "expert/dense.MlpBlock.activations = ('gelu',)"),
      ERR_MODEL, "different activation functions", NULL },
    { GIN("dense.MlpBlock.activations = ('relu',)\n"
          "dense.MlpBlock.activations = ('gelu',)"),
      0, "dense_act_fn", "\"gelu\"" },
    { GIN("dense.MlpBlock.activations = ('snake',)"), ERR_MODEL, "another kind",
      NULL },
    { GIN("dense.MlpBlock.activations = 5"), ERR_MODEL, "another kind", NULL },
    { CONFIG("{\"feed_forward_proj\": \"gelu_new\"}"), 0, "dense_act_fn",
      "\"gelu_new\"" },
    { CONFIG("{\"feed_forward_proj\": \"gated-gelu\"}"),
      CONFLICT("feed_forward_proj", NULL) },
    { CONFIG("{\"is_gated_act\": true}"), CONFLICT("is_gated_act", NULL) },
    { CONFIG("{\"dense_act_fn\": \"snake\"}"), ERR_CONFIG, "dense_act_fn",
      NULL },
    /* routers */
    { GIN("NUM_SELECTED_EXPERTS = 2"), ERR_MODEL,
      "more than one expert for each token in NUM_SELECTED_EXPERTS", NULL },
    { GIN("routing.TokensChooseScatterRouter.num_selected_experts = 2"),
      ERR_MODEL, "more than one expert for each token", NULL },
    { GIN("NUM_SELECTED_EXPERTS = 1"), 0, "num_selected_experts", "1" },
    { GIN("sparse_encoder/moe_layers.MoeLayer.router = "
          "@routing.ExpertsChooseMaskedRouter()"),
      ERR_MODEL, "experts choose", NULL },
    { GIN("routing.RouterWeights.use_bias = True"),
      CONFLICT("router_bias", "true|false") },
    /* what the tensors don't tell */
    { GIN("DROPOUT_RATE = 0.0"), 0, "dropout_rate", "0.1" },
    { "T5LayerNorm.epsilon = 1e-5", "{\"layer_norm_epsilon\": 1e-4}", 0, NULL,
      false, 0, "layer_norm_epsilon", "0.0001" },
    { GIN("RelativePositionBiases.max_distance = 256"), 0,
      "relative_attention_max_distance", "256" },
    { GIN("include 't5x/base.gin'\nNUM_HEADS = %FROM_BASE"), 0, "num_heads",
      "2" },
    { CONFIG("{\"decoder_start_token_id\": 3}"), 0, "decoder_start_token_id",
      "3" },
    { CONFIG("{\"quantization_config\": {\"bits\": 8}}"),
      CONFLICT("quantization_config",
               "{\"bits\":8}|weights that are not quantized") },
    { CONFIG("{\"router_z_loss_coef\": 0, \"expert_capacity\": 8.0}"), 0,
      "router_z_loss_coef", "0.0" },
    { CONFIG("{\"router_z_loss_coef\": 0, \"expert_capacity\": 8.0}"), 0,
      "expert_capacity", "8" },
    { CONFIG("{\"add_router_probs\": 1}"), 0, "add_router_probs", "true" },
    { CONFIG("{\"num_sparse_encoder_layers\": 2.0}"), 0,
      "num_sparse_encoder_layers", "2" },
    { CONFIG("{\"expert_capacity\": 8.5}"), 0, "expert_capacity", "8.5" },
    /* what is not a configuration */
    { CONFIG("[]"), ERR_CONFIG, "not a JSON object", NULL },
    { CONFIG("{"), ERR_CONFIG, "not valid JSON", NULL },
    { CONFIG("{\"num_labels\": 10001}"), ERR_CONFIG, "num_labels", NULL },
    { "T5LayerNorm.epsilon = 1e-5", "{\"layer_norm_epsilon\": null}", 0, NULL,
      false, 0, "layer_norm_epsilon", "1e-05" },
    { CONFIG("{\"pruned_heads\": {\"0\": [1]}}"), ERR_CONFIG, "pruned_heads",
      NULL },
    { CONFIG("{\"torchscript\": true}"), ERR_CONFIG, "torchscript", NULL },
    { CONFIG("{\"dropout_rate\": 1.5}"), ERR_CONFIG, "dropout_rate", NULL },
    { GIN("NUM_HEADS = (1,"), ERR_GIN, "model.gin", NULL },
    { GIN("NUM_HEADS = %NUM_HEADS"), ERR_GIN, "NUM_HEADS", NULL },
};

START_TEST(test_right)
{
    try(&right[_i], MODEL_RIGHT);
}
END_TEST

#define TINY_GIN                                                               \
    "EMBED_DIM = 16\nHEAD_DIM = 8\nMLP_DIM = 32\nNUM_HEADS = 2\n"              \
    "NUM_ENCODER_LAYERS = 4\nNUM_DECODER_LAYERS = 4\n"                         \
    "NUM_ENCODER_SPARSE_LAYERS = 2\nNUM_DECODER_SPARSE_LAYERS = 2\n"
#define RELU "dense.MlpBlock.activations = ('relu',)\n"
#define TINY_CONFIG                                                            \
    "{\"vocab_size\": 64, \"d_model\": 16, \"d_kv\": 8, \"d_ff\": 32, "        \
    "\"num_heads\": 2, \"num_layers\": 4, \"num_decoder_layers\": 4, "         \
    "\"num_sparse_encoder_layers\": 2, \"num_sparse_decoder_layers\": 2, "     \
    "\"num_experts\": 4"

static const struct attempt reference[] = {
    { NULL, NULL, 0, NULL, false, ERR_CONFIG, "a gin file or a config.json",
      NULL },
    /* 8 experts where nothing is stated */
    { TINY_GIN RELU, NULL, 0, NULL, false, 0, "num_experts", "4" },
    { TINY_GIN RELU, NULL, 8, NULL, false, ERR_SHAPE, "num_experts = 8", NULL },
    { TINY_GIN RELU, NULL, 2, NULL, false, ERR_SHAPE, "num_experts = 2", NULL },
    { TINY_GIN RELU, NULL, 4, NULL, false, 0, "feed_forward_proj", "\"relu\"" },
    { TINY_GIN RELU, NULL, 4, NULL, true, 0, "dense_act_fn", "\"relu\"" },
    /* where it raises an exception */
    { TINY_GIN, NULL, 4, NULL, false, ERR_GIN, "no line like", NULL },
    { TINY_GIN "dense.MlpBlock.activations = ('gelu','linear')", NULL, 4, NULL,
      false, ERR_GIN, "no line like", NULL },
    { TINY_GIN "expert/" RELU RELU, NULL, 4, NULL, false, ERR_GIN,
      "model.gin:9: 'expert/dense.MlpBlock.activations'", NULL },
    { TINY_GIN RELU "NUM_HEADS = 1.2.3", NULL, 4, NULL, false, ERR_GIN,
      "model.gin:10: '1.2.3'", NULL },
    { TINY_GIN RELU "NUM_HEADS = .", NULL, 4, NULL, false, ERR_GIN, "'.'",
      NULL },
    { TINY_GIN RELU "NUM_HEADS = 2.0", NULL, 4, NULL, false, ERR_CONFIG,
      "num_heads is 2.0", NULL },
    { TINY_GIN RELU "# \xff", NULL, 4, NULL, false, ERR_GIN, "UTF-8", NULL },
    { CONFIG(TINY_CONFIG ", \"vocab_size\": 65}"), ERR_CONFIG, "vocab_size",
      NULL },
    { CONFIG(TINY_CONFIG ", \"temperature\": 0.5}"), ERR_CONFIG, "temperature",
      NULL },
    { CONFIG(TINY_CONFIG ", \"num_beam_groups\": 2}"), ERR_CONFIG,
      "num_beam_groups", NULL },
    { CONFIG(TINY_CONFIG ", \"length_penalty\": 2}"), ERR_CONFIG,
      "length_penalty", NULL },
    { CONFIG(TINY_CONFIG ", \"num_return_sequences\": 2}"), ERR_CONFIG,
      "num_return_sequences", NULL },
    { CONFIG(TINY_CONFIG ", \"num_beams\": 4, \"num_beam_groups\": 3, "
                         "\"diversity_penalty\": 1.0}"),
      ERR_CONFIG, "num_beam_groups", NULL },
    { CONFIG(TINY_CONFIG ", \"top_k\": 4}"), ERR_CONFIG, "top_k", NULL },
    { CONFIG(TINY_CONFIG ", \"top_k\": 4, \"penalty_alpha\": 0.6}"), 0, "top_k",
      "4" },
    { CONFIG(TINY_CONFIG ", \"num_beams\": 2, \"num_return_sequences\": 3}"),
      ERR_CONFIG, "num_return_sequences", NULL },
    { CONFIG(TINY_CONFIG ", \"max_new_tokens\": 0}"), ERR_CONFIG,
      "max_new_tokens", NULL },
    { CONFIG(TINY_CONFIG ", \"router_dtype\": \"int8\"}"), ERR_CONFIG,
      "router_dtype", NULL },
    { CONFIG(TINY_CONFIG ", \"torch_dtype\": \"float31\"}"), ERR_CONFIG,
      "torch_dtype", NULL },
    { CONFIG(TINY_CONFIG ", \"x\": {\"torch_dtype\": 1}}"), ERR_CONFIG,
      "torch_dtype", NULL },
    { CONFIG(TINY_CONFIG ", \"use_return_dict\": true}"), ERR_CONFIG,
      "use_return_dict", NULL },
    { CONFIG(TINY_CONFIG ", \"_attn_implementation\": \"sdpa\"}"), ERR_CONFIG,
      "_attn_implementation", NULL },
    { CONFIG(TINY_CONFIG ", \"id2label\": {\"a\": 1}}"), ERR_CONFIG, "id2label",
      NULL },
    { CONFIG(TINY_CONFIG ", \"problem_type\": \"x\"}"), ERR_CONFIG,
      "problem_type", NULL },
    /* where it would save random values */
    { CONFIG(TINY_CONFIG ", \"tie_word_embeddings\": false}"), ERR_MODEL,
      "random values as lm_head.weight", NULL },
    { CONFIG(TINY_CONFIG ", \"router_bias\": true}"), ERR_TENSORS,
      "random values", NULL },
    { CONFIG(TINY_CONFIG ", \"encoder_sparse_step\": 1}"), ERR_TENSORS,
      "random values", NULL },
    { NULL, TINY_CONFIG ", \"encoder_sparse_step\": 3}", 0, "dddd", false,
      ERR_TENSORS, "random values", NULL },
    { NULL, TINY_CONFIG "}", 0, "dsdsds", false, 0, "num_layers", "4" },
    { NULL, TINY_CONFIG ", \"num_hidden_layers\": 99999999999}", 0, NULL, false,
      ERR_TENSORS, "random values", NULL },
    { CONFIG(TINY_CONFIG ", \"encoder_sparse_step\": 2.5}"), ERR_CONFIG,
      "encoder_sparse_step", NULL },
    { CONFIG(TINY_CONFIG ", \"num_attention_heads\": 9223372036854775807}"),
      ERR_CONFIG, "too large", NULL },
};

START_TEST(test_reference)
{
    try(&reference[_i], MODEL_REFERENCE);
}
END_TEST

/* Warnings name what is not used. */
START_TEST(test_warnings)
{
    static const struct {
        enum model_compat compat;
        const char *gin;
        const char *config;
        const char *word;
    } cases[] = {
        { MODEL_RIGHT, "include 'a/b.gin'", NULL, "includes a/b.gin" },
        { MODEL_RIGHT, "T5LayerNorm.epsilon = 1e-5",
          "{\"layer_norm_epsilon\": 1e-4}",
          "model.gin:1 states another layer_norm_epsilon than config.json:1" },
        { MODEL_RIGHT, NULL,
          "{\"dense_act_fn\": \"relu\",\n\"feed_forward_proj\": \"gelu\"}",
          "config.json:2 states another activation function" },
        { MODEL_REFERENCE, NULL, TINY_CONFIG "}",
          "1 array is dropped, as the reference drops them: "
          "decoder/logits_dense/kernel" },
    };
    struct fake_model f = FAKE_TINY;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct model_options o = {
            .compat = cases[i].compat,
            .gin = cases[i].gin,
            .gin_len = cases[i].gin ? strlen(cases[i].gin) : 0,
            .config = cases[i].config,
            .config_len = cases[i].config ? strlen(cases[i].config) : 0,
        };
        struct checkpoint *c;
        struct model *m = NULL;
        struct error err;

        f.untied = cases[i].compat == MODEL_REFERENCE;
        c = fake_model_new(f);
        ck_ok(model_build(c, &o, &m, &err), &err);
        ck_assert_uint_eq(m->warning_count, 1);
        ck_assert_msg(strstr(m->warnings[0], cases[i].word), "%s",
                      m->warnings[0]);
        model_free(m);
        fake_free(c);
    }
}
END_TEST

/* Experts beyond the stated number are dropped where the routers fit. */
START_TEST(test_reference_drops_experts)
{
    struct checkpoint *c = fake_model_new(FAKE_TINY);
    struct model_options o = { .compat = MODEL_REFERENCE };
    struct model *m = NULL;
    struct error err;

    o.config = TINY_CONFIG "}";
    o.config_len = strlen(o.config);
    fake_add(c, "encoder/layers_1/mlp/expert/wi/kernel", "[6, 16, 32]");
    ck_ok(model_build(c, &o, &m, &err), &err);
    ck_assert_uint_eq(m->count, 117);
    ck_assert_uint_eq(m->warning_count, 1);
    ck_assert_ptr_nonnull(strstr(m->warnings[0], "6 experts"));
    model_free(m);
    fake_add(c, "encoder/layers_1/mlp/expert/wi/kernel", "[3, 16, 32]");
    ck_fails(model_build(c, &o, &m, &err), &err, ERR_SHAPE, "num_experts");
    fake_free(c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tc = tcase_create("config");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tc, test_right, 0, sizeof right / sizeof right[0]);
    tcase_add_loop_test(tc, test_reference, 0,
                        sizeof reference / sizeof reference[0]);
    tcase_add_test(tc, test_warnings);
    tcase_add_test(tc, test_reference_drops_experts);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
