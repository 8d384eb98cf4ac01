/*
 * model/gin_model: what gin files say of a model, and what is refused. The
 * files of flaxformer are looked at in tests/e2e/test_gin.py.
 */
#include "unit.h"

#include "base/json.h"
#include "model/gin_model.h"

static struct gin *parse(const char *text)
{
    struct error err = { 0 };
    struct gin *g = NULL;

    ck_ok(gin_parse(text, strlen(text), "m.gin", &g, &err), &err);
    return g;
}

/* "key=value@line " of all facts, then "!parameter@line " of all refusals. */
static void print(const struct gin_model *m, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out, JSON_STYLE_COMPACT);

    for (size_t i = 0; i < m->count; i++) {
        buf_printf(out, "%s=", m->facts[i].key);
        json_value(&w, m->facts[i].value);
        buf_printf(out, "@%u ", m->facts[i].at->line);
    }
    for (size_t i = 0; i < m->refusal_count; i++) {
        buf_putc(out, '!');
        gin_binding_print(m->refusals[i].parameter, out);
        buf_printf(out, "@%u ", m->refusals[i].at->line);
    }
}

#define RELU "dense_act_fn=\"relu\"@1 feed_forward_proj=\"relu\"@1 "

static const struct {
    const char *text;
    const char *want;
} cases[] = {
    { "", "" },
    { "BATCH = 1\nf.x = 2", "" },
    /* parameters before macros, in whatever module; the value's own line */
    { "EMBED_DIM = 8", "d_model=8@1 " },
    { "EMBED_DIM = 8\nembedding.Embed.features = 9", "d_model=9@2 " },
    { "X = 8\nEMBED_DIM = %X\nEmbed.features = %EMBED_DIM", "d_model=8@1 " },
    { "Embed.features = %NOT_BOUND\nEMBED_DIM = 8", "d_model=8@2 " },
    { "Embed.features = %gin.REQUIRED", "" },
    { "Embed.features = None", "" },
    { "Embed.features = @f()", "" },
    { "NotEmbed.features = 8", "" },
    { "Embed.features = 1\nEmbed.features = 2", "d_model=2@2 " },
    { "s/Embed.features = 1\nEmbed.features = 2\nt/Embed.features = 3",
      "d_model=2@2 " },
    { "EMBED_DIM = 8.0\nNUM_HEADS = True", "d_model=8.0@1 num_heads=true@2 " },
    { "network.T5Config:\n  emb_dim = 8\n  vocab_size = 9\n"
      "  num_encoder_layers = 1\n  num_decoder_layers = 2\n"
      "  logits_via_embedding = True",
      "vocab_size=9@3 d_model=8@2 num_layers=1@4 num_decoder_layers=2@5 "
      "tie_word_embeddings=true@6 " },
    { "T5LayerNorm.epsilon = 1e-5", "layer_norm_epsilon=1e-05@1 " },
    { "EMBED_DIM = 'x'\nHEAD_DIM = [1]\nMLP_DIM = 1e999",
      "!EMBED_DIM@1 !HEAD_DIM@2 !MLP_DIM@3 " },
    /* activations */
    { "MlpBlock.activations = 'relu'", RELU },
    { "A = ('relu',)\nd.MlpBlock.activations = %A\n"
      "expert/d.MlpBlock.activations = [@flax.linen.relu]",
      RELU },
    { "MlpBlock.activations = ()\ns/MlpBlock.activations = ('a', 'b')",
      "!MlpBlock.activations@1 !s/MlpBlock.activations@2 " },
    { "MlpBlock.activations = ('a', 'b')\nMlpBlock.activations = 'gelu'",
      "dense_act_fn=\"gelu\"@2 feed_forward_proj=\"gelu\"@2 " },
    { "MlpBlock.activations = 'relu'\ns/MlpBlock.activations = 'gelu'",
      RELU "!s/MlpBlock.activations@2 " },
    /* the head */
    { "moe.SparseDecoder.output_logits_factory = None",
      "tie_word_embeddings=true@1 " },
    { "Decoder.output_logits_factory = @o/dense.DenseGeneral",
      "tie_word_embeddings=false@1 " },
    { "SparseDecoder.output_logits_factory = None\n"
      "Decoder.output_logits_factory = @d",
      "tie_word_embeddings=true@1 " },
    /* routers */
    { "NUM_SELECTED_EXPERTS = 2",
      "num_selected_experts=2@1 !NUM_SELECTED_EXPERTS@1 " },
    { "K = 2\nNUM_SELECTED_EXPERTS = %K\n"
      "TokensChooseMaskedRouter.num_selected_experts = %NUM_SELECTED_EXPERTS",
      "num_selected_experts=2@1 "
      "!TokensChooseMaskedRouter.num_selected_experts@1 " },
    { "R = @r.ExpertsChooseMaskedRouter()\ns/MoeLayer.router = %R\n"
      "t/MoeLayer.router = @r.TokensChooseMaskedRouter()",
      "!s/MoeLayer.router@1 " },
    /* what it lacks, in any scope */
    { "MlpBlock.use_bias = False\nexpert/MlpBlock.use_bias = True\n"
      "a.MultiHeadDotProductAttention.use_bias = 1",
      "!expert/MlpBlock.use_bias@2 "
      "!a.MultiHeadDotProductAttention.use_bias@3 " },
    { "SparseEncoderLayer.extra_mlp = @dense.MlpBlock()\n"
      "SparseDecoderLayer.extra_mlp = None\nEncoderLayer.parallel = True",
      "!SparseEncoderLayer.extra_mlp@1 !EncoderLayer.parallel@3 " },
    /* where experts are */
    { "NUM_DECODER_LAYERS = 6\nNUM_DECODER_SPARSE_LAYERS = 2",
      "num_decoder_layers=6@1 num_sparse_decoder_layers=2@2 "
      "!NUM_DECODER_SPARSE_LAYERS@2 " },
    { "SparseEncoder.num_layers = 6\nSparseEncoder.num_sparse_layers = 3\n"
      "L = 'mixed'\nSparseEncoder.sparse_layout = %L",
      "num_layers=6@1 num_sparse_encoder_layers=3@2 " },
    { "SparseEncoder.num_layers = 6\nSparseEncoder.num_sparse_layers = 3\n"
      "SparseEncoder.sparse_layout = %a.LayerLayout.BOTTOM",
      "num_layers=6@1 num_sparse_encoder_layers=3@2 "
      "!SparseEncoder.num_sparse_layers@2 " },
    { "NUM_ENCODER_LAYERS = 1000000000000\nNUM_ENCODER_SPARSE_LAYERS = 3",
      "num_layers=1000000000000@1 num_sparse_encoder_layers=3@2 " },
    /* how wide they are */
    { "MlpBlock.intermediate_dim = 8\nexpert/MlpBlock.intermediate_dim = 9",
      "d_ff=8@1 !expert/MlpBlock.intermediate_dim@2 " },
    { "MlpBlock.intermediate_dim = 8\nexpert/MlpBlock.intermediate_dim = 9\n"
      "NUM_ENCODER_SPARSE_LAYERS = 0\nNUM_DECODER_SPARSE_LAYERS = 0",
      "d_ff=8@1 num_sparse_encoder_layers=0@3 "
      "num_sparse_decoder_layers=0@4 " },
};

START_TEST(test_model)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gin *g = parse(cases[i].text);
        struct buf out = BUF_INIT(1 << 16);
        struct gin_model m = { 0 };
        struct error err = { 0 };

        ck_ok(gin_model_read(g, &m, &err), &err);
        print(&m, &out);
        ck_assert_ptr_nonnull(buf_str(&out));
        ck_assert_msg(!strcmp(buf_str(&out), cases[i].want),
                      "'%s' gives '%s', not '%s'", cases[i].text, buf_str(&out),
                      cases[i].want);
        gin_model_done(&m);
        gin_free(g);
        buf_done(&out);
    }
}
END_TEST

START_TEST(test_refusal)
{
    struct gin *g = parse("A = ('gelu', 'linear')\n"
                          "expert/dense.MlpBlock.activations = %A");
    struct gin_model m = { 0 };
    struct error err = { 0 };
    const struct error *e;

    ck_ok(gin_model_read(g, &m, &err), &err);
    ck_assert_uint_eq(m.refusal_count, 1);
    e = &m.refusals[0].error;
    ck_assert_int_eq(e->code, ERR_MODEL);
    ck_assert_str_eq(e->text,
                     "m.gin:1: gated activations (more than one function) in "
                     "expert/dense.MlpBlock.activations: Hugging Face's Switch "
                     "Transformers can't express that");
    ck_assert_str_eq(e->subject, "m.gin:1: expert/dense.MlpBlock.activations");
    ck_assert_str_eq(e->actual, "('gelu', 'linear')");
    ck_assert_str_eq(e->expected, "one function for all feed-forward layers, "
                                  "such as ('relu',)");
    ck_assert(*e->hint);
    gin_model_done(&m);
    gin_free(g);
}
END_TEST

START_TEST(test_number_of_refusals)
{
    struct buf text = BUF_INIT(1 << 16);
    struct gin_model m = { 0 };
    struct error err = { 0 };
    struct gin *g;

    for (int i = 0; i < 1000; i++)
        buf_printf(&text, "s%d/MlpBlock.use_bias = True\n", i);
    g = parse(buf_str(&text));
    ck_ok(gin_model_read(g, &m, &err), &err);
    ck_assert_uint_eq(m.refusal_count, GIN_MODEL_MAX_REFUSALS);
    gin_model_done(&m);
    gin_free(g);
    buf_done(&text);
}
END_TEST

START_TEST(test_circle)
{
    struct gin *g = parse("EMBED_DIM = %A\nA = %EMBED_DIM");
    struct gin_model m = { 0 };
    struct error err = { 0 };

    ck_fails(gin_model_read(g, &m, &err), &err, ERR_GIN, "leads back");
    gin_model_done(&m);
    gin_free(g);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_model,
        test_refusal,
        test_number_of_refusals,
        test_circle,
    };

    return unit_run("gin_model", tests, sizeof tests / sizeof *tests);
}
