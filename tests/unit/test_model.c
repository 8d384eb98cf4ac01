/*
 * model/: from arrays to tensors and values, and what is refused.
 */
#include "unit.h"

#include <time.h>

#include "base/json.h"
#include "fake_checkpoint.h"
#include "model/model.h"

/* A value of the model as compact JSON; "" if there is none. */
static const char *value_of(const struct model *m, const char *key)
{
    static char text[256];
    struct buf b = BUF_INIT(4096);
    struct json_writer w = JSON_WRITER(&b, JSON_STYLE_COMPACT);

    text[0] = '\0';
    for (size_t i = 0; i < m->value_count; i++) {
        if (strcmp(m->values[i].key, key) == 0) {
            json_value(&w, m->values[i].value);
            snprintf(text, sizeof text, "%s", buf_str(&b));
        }
    }
    buf_done(&b);
    return text;
}

static const char *origin_of(const struct model *m, const char *key)
{
    for (size_t i = 0; i < m->value_count; i++) {
        if (strcmp(m->values[i].key, key) == 0)
            return m->values[i].origin;
    }
    return "";
}

static const struct model_tensor *tensor_of(const struct model *m,
                                            const char *name)
{
    for (size_t i = 0; i < m->count; i++) {
        if (strcmp(m->tensors[i].name, name) == 0)
            return &m->tensors[i];
    }
    return NULL;
}

/* Options of a gin file, a config.json, or both; NULL for none. */
static struct model_options options(enum model_compat compat, const char *gin,
                                    const char *config)
{
    return (struct model_options){
        .compat = compat,
        .gin = gin,
        .gin_len = gin ? strlen(gin) : 0,
        .gin_name = "model.gin",
        .config = config,
        .config_len = config ? strlen(config) : 0,
        .config_name = "config.json",
    };
}

static struct model *build(struct checkpoint *c, const char *gin,
                           const char *config)
{
    struct model_options o = options(MODEL_RIGHT, gin, config);
    struct model *m = NULL;
    struct error err;

    ck_ok(model_build(c, &o, &m, &err), &err);
    return m;
}

/* The order of transformers' state_dict(), of which shards are filled. */
START_TEST(test_module_order)
{
    static const char *const names[] = {
        "shared.weight",
        "encoder.embed_tokens.weight",
        "encoder.block.0.layer.0.SelfAttention.q.weight",
        "encoder.block.0.layer.0.SelfAttention.k.weight",
        "encoder.block.0.layer.0.SelfAttention.v.weight",
        "encoder.block.0.layer.0.SelfAttention.o.weight",
        "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
        "encoder.block.0.layer.0.layer_norm.weight",
        "encoder.block.0.layer.1.mlp.wi.weight",
        "encoder.block.0.layer.1.mlp.wo.weight",
        "encoder.block.0.layer.1.layer_norm.weight",
        "encoder.block.1.layer.0.SelfAttention.q.weight",
        "encoder.block.1.layer.0.SelfAttention.k.weight",
        "encoder.block.1.layer.0.SelfAttention.v.weight",
        "encoder.block.1.layer.0.SelfAttention.o.weight",
        "encoder.block.1.layer.0.layer_norm.weight",
        "encoder.block.1.layer.1.mlp.router.classifier.weight",
        "encoder.block.1.layer.1.mlp.router.classifier.bias",
        "encoder.block.1.layer.1.mlp.experts.expert_0.wi.weight",
        "encoder.block.1.layer.1.mlp.experts.expert_0.wo.weight",
        "encoder.block.1.layer.1.mlp.experts.expert_1.wi.weight",
        "encoder.block.1.layer.1.mlp.experts.expert_1.wo.weight",
        "encoder.block.1.layer.1.layer_norm.weight",
        "encoder.final_layer_norm.weight",
        "decoder.embed_tokens.weight",
        "decoder.block.0.layer.0.SelfAttention.q.weight",
        "decoder.block.0.layer.0.SelfAttention.k.weight",
        "decoder.block.0.layer.0.SelfAttention.v.weight",
        "decoder.block.0.layer.0.SelfAttention.o.weight",
        "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
        "decoder.block.0.layer.0.layer_norm.weight",
        "decoder.block.0.layer.1.EncDecAttention.q.weight",
        "decoder.block.0.layer.1.EncDecAttention.k.weight",
        "decoder.block.0.layer.1.EncDecAttention.v.weight",
        "decoder.block.0.layer.1.EncDecAttention.o.weight",
        "decoder.block.0.layer.1.layer_norm.weight",
        "decoder.block.0.layer.2.mlp.wi.weight",
        "decoder.block.0.layer.2.mlp.wo.weight",
        "decoder.block.0.layer.2.layer_norm.weight",
        "decoder.final_layer_norm.weight",
        "lm_head.weight",
    };
    struct fake_model f = FAKE_TINY;
    struct checkpoint *c;
    struct model *m;

    f.untied = true;
    f.experts = 2;
    f.sparse[0] = "ds";
    f.sparse[1] = "d";
    c = fake_model_new(f);
    fake_add(c, "encoder/layers_1/mlp/router/router_weights/w/bias", "[2]");
    m = build(c, NULL, NULL);
    ck_assert_uint_eq(m->count, sizeof names / sizeof names[0]);
    for (size_t i = 0; i < m->count; i++)
        ck_assert_str_eq(m->tensors[i].name, names[i]);
    ck_assert_str_eq(value_of(m, "router_bias"), "true");
    model_free(m);
    fake_free(c);
}
END_TEST

START_TEST(test_tensors)
{
    struct checkpoint *c = fake_model_new(FAKE_TINY);
    struct model *m = build(c, NULL, NULL);
    const struct model_tensor *t;

    ck_assert(m->tied);
    ck_assert_uint_eq(m->warning_count, 0);
    ck_assert_uint_eq(m->count, 117);
    ck_assert_uint_eq(m->parameters, 34528);
    t = tensor_of(m, "decoder.block.3.layer.2.mlp.experts.expert_3.wi.weight");
    ck_assert_ptr_nonnull(t);
    ck_assert_str_eq(c->arrays[t->array]->name,
                     "decoder/layers_3/mlp/expert/wi/kernel");
    ck_assert_int_eq(t->expert, 3);
    ck_assert_uint_eq(t->rank, 2);
    ck_assert_uint_eq(t->shape[0], 32);
    ck_assert_uint_eq(t->shape[1], 16);
    ck_assert(t->transpose);
    t = tensor_of(m, "shared.weight");
    ck_assert(!t->transpose);
    ck_assert_int_eq(t->expert, -1);
    ck_assert_uint_eq(t->shape[0], 64);
    t = tensor_of(m, "encoder.block.0.layer.0.SelfAttention."
                     "relative_attention_bias.weight");
    ck_assert(t->transpose);
    ck_assert_uint_eq(t->shape[0], 32);
    ck_assert_uint_eq(t->shape[1], 2);
    t = tensor_of(m, "encoder.final_layer_norm.weight");
    ck_assert_uint_eq(t->rank, 1);
    ck_assert_uint_eq(t->shape[0], 16);
    ck_assert_ptr_null(tensor_of(m, "lm_head.weight"));
    ck_assert_ptr_null(tensor_of(m, "encoder.embed_tokens.weight"));
    model_free(m);
    fake_free(c);
}
END_TEST

/* An untied head is written, and with it the copies that transformers 5 wants.
 */
START_TEST(test_untied)
{
    struct fake_model f = FAKE_TINY;
    struct checkpoint *c;
    struct model *m;
    const struct model_tensor *t;

    f.untied = true;
    c = fake_model_new(f);
    m = build(c, NULL, "{\"tie_word_embeddings\": false}");
    ck_assert(!m->tied);
    ck_assert_str_eq(value_of(m, "tie_word_embeddings"), "false");
    t = tensor_of(m, "lm_head.weight");
    ck_assert(t->transpose);
    ck_assert_uint_eq(t->shape[0], 64);
    ck_assert_uint_eq(tensor_of(m, "decoder.embed_tokens.weight")->array,
                      tensor_of(m, "shared.weight")->array);
    ck_assert_uint_eq(m->parameters, 34528 + 64 * 16);
    model_free(m);
    fake_free(c);
}
END_TEST

/* Sparse patterns: step and count, or a refusal. */
START_TEST(test_patterns)
{
    static const struct {
        const char *sparse;
        const char *step; /* NULL: can't be expressed */
        const char *count;
    } cases[] = {
        { "dddd", "0", "0" },     { "ssss", "1", "4" },
        { "dsds", "2", "2" },     { "dsdsd", "2", "2" },
        { "dsdds", "3", "2" },    { "dsddsd", "3", "2" },
        { "dsddsdd", "3", "2" },  { "dsdd", "4", "1" },
        { "ds", "2", "1" },       { "d", "0", "0" },
        { "s", "1", "1" },        { "dds", NULL, NULL },
        { "ddsdds", NULL, NULL }, { "ssdd", NULL, NULL },
        { "ddss", NULL, NULL },   { "sdsd", NULL, NULL },
        { "dsdsss", NULL, NULL }, { "dsdsdd", NULL, NULL },
        { "sd", NULL, NULL },     { "dssd", NULL, NULL },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct model_options o = options(MODEL_RIGHT, NULL, NULL);
        struct fake_model f = FAKE_TINY;
        struct checkpoint *c;
        struct model *m = NULL;
        struct error err;

        f.sparse[1] = cases[i].sparse;
        c = fake_model_new(f);
        if (cases[i].step) {
            char layers[32] = "";

            ck_ok(model_build(c, &o, &m, &err), &err);
            if (strlen(cases[i].sparse) != 4)
                snprintf(layers, sizeof layers, "%zu", strlen(cases[i].sparse));
            ck_assert_str_eq(value_of(m, "decoder_layers"), layers);
            ck_assert_str_eq(value_of(m, "decoder_sparse_step"), cases[i].step);
            ck_assert_str_eq(value_of(m, "num_sparse_decoder_layers"),
                             cases[i].count);
        } else {
            ck_fails(model_build(c, &o, &m, &err), &err, ERR_MODEL,
                     "decoder's sparse layers");
        }
        model_free(m);
        fake_free(c);
    }
}
END_TEST

/* One change to a good checkpoint, and the refusal that it brings. */
static const struct trap {
    const char *remove;
    const char *add;
    const char *shape;
    enum dtype dtype; /* of what is added, NONE for float32 */
    enum error_code code;
    const char *word; /* in the text or subject */
    const char *hint; /* in the hint, "" for anything */
} traps[] = {
    { "encoder/layers_1/mlp/expert/wi/kernel",
      "encoder/layers_1/mlp/expert/wi_0/kernel", "[4, 16, 32]", DTYPE_NONE,
      ERR_MODEL, "gated experts", "" },
    { "encoder/layers_0/mlp/wi/kernel", "encoder/layers_0/mlp/wi_0/kernel",
      "[16, 32]", DTYPE_NONE, ERR_MODEL, "gated feed-forward", "" },
    { NULL, "encoder/layers_1/extra_mlp/wi/kernel", "[16, 32]", DTYPE_NONE,
      ERR_MODEL, "ST-MoE", "" },
    { NULL, "decoder/decoder/mlp/wi/kernel", "[4, 16, 32]", DTYPE_NONE,
      ERR_MODEL, "scanned layers", "" },
    { NULL, "encoder/layers_0/attention/query/bias", "[16]", DTYPE_NONE,
      ERR_TENSORS, "encoder/layers_0/attention/query/bias", "" },
    { "encoder/layers_2/attention/key/kernel",
      "encoder/layers_2/attention/keys/kernel", "[16, 16]", DTYPE_NONE,
      ERR_TENSORS, "encoder/layers_2/attention/keys/kernel",
      "encoder/layers_2/attention/key/kernel" },
    { "decoder/layers_2/mlp/wo/kernel", NULL, NULL, DTYPE_NONE, ERR_TENSORS,
      "1 array is missing: decoder/layers_2/mlp/wo/kernel", "" },
    { "token_embedder/embedding", NULL, NULL, DTYPE_NONE, ERR_TENSORS,
      "token_embedder/embedding", "" },
    { "decoder/layers_1/mlp/router/router_weights/w/kernel", NULL, NULL,
      DTYPE_NONE, ERR_TENSORS, "router_weights", "" },
    { NULL, "encoder/layers_1/mlp/wi/kernel", "[16, 32]", DTYPE_NONE,
      ERR_TENSORS, "encoder/layers_1/mlp/wi/kernel", "" },
    { NULL, "encoder/layers_0/mlp/router/router_weights/w/bias", "[4]",
      DTYPE_NONE, ERR_TENSORS, "w/bias", "" },
    { NULL, "encoder/layers_5/pre_mlp_layer_norm/scale", "[16]", DTYPE_NONE,
      ERR_TENSORS, "encoder/layers_4/attention/query/kernel", "" },
    { NULL, "encoder/layers_500000/pre_mlp_layer_norm/scale", "[16]",
      DTYPE_NONE, ERR_TENSORS, "layers_500000", "" },
    { NULL, "encoder/layers_1/attention/key/kernel", "[16, 24]", DTYPE_NONE,
      ERR_SHAPE, "encoder/layers_0/attention/query/kernel", "" },
    { NULL, "encoder/layers_1/attention/key/kernel", "[16, 2, 8]", DTYPE_NONE,
      ERR_SHAPE, "2 dimensions", "" },
    { NULL, "decoder/layers_3/mlp/expert/wi/kernel", "[3, 16, 32]", DTYPE_NONE,
      ERR_SHAPE, "num_experts = 4", "" },
    { NULL, "decoder/layers_0/mlp/wi/kernel", "[16, 48]", DTYPE_NONE, ERR_SHAPE,
      "decoder/layers_0/mlp/wi/kernel", "one d_ff" },
    { NULL, "encoder/relpos_bias/rel_embedding", "[3, 32]", DTYPE_NONE,
      ERR_SHAPE, "3 heads", "" },
    { NULL, "encoder/encoder_norm/scale", "[]", DTYPE_NONE, ERR_SHAPE,
      "encoder_norm", "" },
    { NULL, "encoder/encoder_norm/scale", "[0]", DTYPE_NONE, ERR_SHAPE,
      "encoder_norm", "" },
    { NULL, "encoder/encoder_norm/scale", "[16]", DTYPE_C64, ERR_DTYPE,
      "complex64", "" },
};

static void spring(const struct trap *t)
{
    struct checkpoint *c = fake_model_new(FAKE_TINY);
    struct model_options o = options(MODEL_RIGHT, NULL, NULL);
    struct model *m = NULL;
    struct error err;

    if (t->remove)
        fake_remove(c, t->remove);
    if (t->add) {
        struct array *a = fake_add(c, t->add, t->shape);

        if (t->dtype != DTYPE_NONE)
            a->dtype = t->dtype;
    }
    if (t->code == ERR_SHAPE && strstr(t->word, "3 heads"))
        fake_add(c, "decoder/relpos_bias/rel_embedding", "[3, 32]");
    ck_fails(model_build(c, &o, &m, &err), &err, t->code, t->word);
    ck_assert_msg(strstr(err.hint, t->hint), "'%s' has no '%s'", err.hint,
                  t->hint);
    ck_assert_ptr_null(m);
    fake_free(c);
}

START_TEST(test_traps)
{
    for (size_t i = 0; i < sizeof traps / sizeof traps[0]; i++)
        spring(&traps[i]);
}
END_TEST

/* Removes all arrays whose name begins so. */
static void remove_all(struct checkpoint *c, const char *prefix)
{
    for (size_t i = c->count; i > 0; i--) {
        if (strncmp(c->arrays[i - 1]->name, prefix, strlen(prefix)) == 0)
            fake_remove(c, c->arrays[i - 1]->name);
    }
}

START_TEST(test_other_models)
{
    static const struct {
        const char *remove;
        const char *word;
    } cases[] = {
        { "encoder/", "decoder-only" },
        { "decoder/", "encoder-only" },
        { "", "no arrays" },
    };
    struct model_options o = options(MODEL_RIGHT, NULL, NULL);
    struct model *m = NULL;
    struct checkpoint *c;
    struct error err;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        c = fake_model_new(FAKE_TINY);
        remove_all(c, cases[i].remove);
        ck_fails(model_build(c, &o, &m, &err), &err, ERR_MODEL, cases[i].word);
        fake_free(c);
    }
    c = fake_new();
    fake_add(c, "h/0/attn/w", "[2, 2]");
    ck_fails(model_build(c, &o, &m, &err), &err, ERR_MODEL, "h/0/attn/w");
    fake_free(c);
}
END_TEST

START_TEST(test_many_missing)
{
    struct model_options o = options(MODEL_RIGHT, NULL, NULL);
    struct checkpoint *c = fake_model_new(FAKE_TINY);
    struct model *m = NULL;
    struct error err;

    remove_all(c, "decoder/layers_2/");
    ck_fails(model_build(c, &o, &m, &err), &err, ERR_TENSORS,
             "13 arrays are missing: "
             "decoder/layers_2/self_attention/query/kernel, ");
    ck_assert_str_eq(err.subject,
                     "decoder/layers_2/self_attention/query/kernel");
    ck_assert_ptr_nonnull(strstr(err.text, ", ..."));
    fake_free(c);
}
END_TEST

START_TEST(test_origins)
{
    struct checkpoint *c = fake_model_new(FAKE_TINY);
    struct model *m = build(c, "RELPOS = 1\nT5LayerNorm.epsilon = 1e-5\n",
                            "{\n  \"expert_capacity\": 7\n}");

    ck_assert_str_eq(origin_of(m, "d_model"), "tensors");
    ck_assert_str_eq(origin_of(m, "expert_capacity"), "config.json:2");
    ck_assert_str_eq(origin_of(m, "layer_norm_epsilon"), "model.gin:2");
    ck_assert_str_eq(origin_of(m, "dropout_rate"), "default");
    ck_assert_str_eq(value_of(m, "expert_capacity"), "7");
    ck_assert_str_eq(value_of(m, "layer_norm_epsilon"), "1e-05");
    ck_assert_str_eq(value_of(m, "decoder_start_token_id"), "0");
    for (size_t i = 1; i < m->value_count; i++)
        ck_assert_int_lt(strcmp(m->values[i - 1].key, m->values[i].key), 0);
    model_free(m);
    fake_free(c);
}
END_TEST

/* Shapes that ask for more tensors than any model has. */
START_TEST(test_limit)
{
    struct model_options o = options(MODEL_RIGHT, NULL, NULL);
    struct fake_model f = FAKE_TINY;
    struct checkpoint *c;
    struct model *m = NULL;
    struct error err;

    f.experts = 1U << 31;
    c = fake_model_new(f);
    ck_fails(model_build(c, &o, &m, &err), &err, ERR_LIMIT, "1048576 tensors");
    fake_free(c);
}
END_TEST

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Switch-C: 122,880 expert tensors. */
START_TEST(test_giant)
{
    struct fake_model f = {
        .vocab = 32128,
        .d_model = 2080,
        .heads = 30,
        .d_kv = 64,
        .d_ff = 6144,
        .buckets = 32,
        .experts = 2048,
        .sparse = { "sssssssssssssss", "sssssssssssssss" },
    };
    struct checkpoint *c = fake_model_new(f);
    double start = seconds();
    struct model *m = build(c, NULL, NULL);

    ck_assert_uint_eq(m->count, 2 * 15 * 2048 * 2 + 15 * 7 + 15 * 12 + 5);
    ck_assert_msg(seconds() - start < 2, "%.2f s", seconds() - start);
    ck_assert_str_eq(m->tensors[m->count - 1].name,
                     "decoder.final_layer_norm.weight");
    model_free(m);
    fake_free(c);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_module_order, test_tensors,      test_untied,       test_patterns,
        test_traps,        test_other_models, test_many_missing, test_origins,
        test_limit,        test_giant,
    };

    return unit_run("model", tests, sizeof tests / sizeof tests[0]);
}
