/*
 * The rename table, and matching by its templates.
 *
 * Sources are flaxformer's parameter names (moe_architecture, t5_architecture),
 * targets those of transformers' SwitchTransformersForConditionalGeneration.
 * The order is that of its state_dict(), which decides what goes into which
 * shard: the position bias follows the projections of the first layer, a router
 * precedes its experts, and an expert's wi is followed by its wo.
 */
#include "model/names.h"

#include <stdio.h>
#include <string.h>

#define ENC "encoder/layers_{i}/"
#define DEC "decoder/layers_{i}/"
#define ENC_BLOCK "encoder.block.{i}.layer."
#define DEC_BLOCK "decoder.block.{i}.layer."
#define EXPERT "mlp.experts.expert_{e}."

#define GLOBAL(source, target, when, ...)                                      \
    {                                                                          \
        source, target, SIDE_NONE, false, when, __VA_ARGS__                    \
    }
#define SIDE(side, source, target, when, ...)                                  \
    {                                                                          \
        source, target, side, false, when, __VA_ARGS__                         \
    }
#define IN_ENC(source, target, when, ...)                                      \
    {                                                                          \
        ENC source, ENC_BLOCK target, SIDE_ENCODER, true, when, __VA_ARGS__    \
    }
#define IN_DEC(source, target, when, ...)                                      \
    {                                                                          \
        DEC source, DEC_BLOCK target, SIDE_DECODER, true, when, __VA_ARGS__    \
    }
#define FIRST(side, source, target, ...)                                       \
    {                                                                          \
        source, target, side, true, WHEN_FIRST, __VA_ARGS__                    \
    }

/* rank, dimensions, transpose */
#define EMBEDDING 2, { DIM_VOCAB, DIM_MODEL }, false
#define SCALE 1, { DIM_MODEL }, false
#define QKV 2, { DIM_MODEL, DIM_INNER }, true
#define OUT 2, { DIM_INNER, DIM_MODEL }, true
#define BUCKETS 2, { DIM_HEADS, DIM_BUCKETS }, true
#define WI 2, { DIM_MODEL, DIM_FF }, true
#define WO 2, { DIM_FF, DIM_MODEL }, true
#define ROUTER 2, { DIM_MODEL, DIM_EXPERTS }, true
#define ROUTER_BIAS 1, { DIM_EXPERTS }, false
#define EXPERT_WI 3, { DIM_EXPERTS, DIM_MODEL, DIM_FF }, true
#define EXPERT_WO 3, { DIM_EXPERTS, DIM_FF, DIM_MODEL }, true
#define HEAD 2, { DIM_MODEL, DIM_VOCAB }, true

static const struct names_row rows[] = {
    GLOBAL("token_embedder/embedding", "shared.weight", WHEN_ALWAYS, EMBEDDING),

    SIDE(SIDE_ENCODER, "token_embedder/embedding",
         "encoder.embed_tokens.weight", WHEN_COPY, EMBEDDING),
    IN_ENC("attention/query/kernel", "0.SelfAttention.q.weight", WHEN_ALWAYS,
           QKV),
    IN_ENC("attention/key/kernel", "0.SelfAttention.k.weight", WHEN_ALWAYS,
           QKV),
    IN_ENC("attention/value/kernel", "0.SelfAttention.v.weight", WHEN_ALWAYS,
           QKV),
    IN_ENC("attention/out/kernel", "0.SelfAttention.o.weight", WHEN_ALWAYS,
           OUT),
    FIRST(SIDE_ENCODER, "encoder/relpos_bias/rel_embedding",
          ENC_BLOCK "0.SelfAttention.relative_attention_bias.weight", BUCKETS),
    IN_ENC("pre_attention_layer_norm/scale", "0.layer_norm.weight", WHEN_ALWAYS,
           SCALE),
    IN_ENC("mlp/wi/kernel", "1.mlp.wi.weight", WHEN_DENSE, WI),
    IN_ENC("mlp/wo/kernel", "1.mlp.wo.weight", WHEN_DENSE, WO),
    IN_ENC("mlp/router/router_weights/w/kernel",
           "1.mlp.router.classifier.weight", WHEN_SPARSE, ROUTER),
    IN_ENC("mlp/router/router_weights/w/bias", "1.mlp.router.classifier.bias",
           WHEN_BIAS, ROUTER_BIAS),
    IN_ENC("mlp/expert/wi/kernel", "1." EXPERT "wi.weight", WHEN_SPARSE,
           EXPERT_WI),
    IN_ENC("mlp/expert/wo/kernel", "1." EXPERT "wo.weight", WHEN_SPARSE,
           EXPERT_WO),
    IN_ENC("pre_mlp_layer_norm/scale", "1.layer_norm.weight", WHEN_ALWAYS,
           SCALE),
    SIDE(SIDE_ENCODER, "encoder/encoder_norm/scale",
         "encoder.final_layer_norm.weight", WHEN_ALWAYS, SCALE),

    SIDE(SIDE_DECODER, "token_embedder/embedding",
         "decoder.embed_tokens.weight", WHEN_COPY, EMBEDDING),
    IN_DEC("self_attention/query/kernel", "0.SelfAttention.q.weight",
           WHEN_ALWAYS, QKV),
    IN_DEC("self_attention/key/kernel", "0.SelfAttention.k.weight", WHEN_ALWAYS,
           QKV),
    IN_DEC("self_attention/value/kernel", "0.SelfAttention.v.weight",
           WHEN_ALWAYS, QKV),
    IN_DEC("self_attention/out/kernel", "0.SelfAttention.o.weight", WHEN_ALWAYS,
           OUT),
    FIRST(SIDE_DECODER, "decoder/relpos_bias/rel_embedding",
          DEC_BLOCK "0.SelfAttention.relative_attention_bias.weight", BUCKETS),
    IN_DEC("pre_self_attention_layer_norm/scale", "0.layer_norm.weight",
           WHEN_ALWAYS, SCALE),
    IN_DEC("encoder_decoder_attention/query/kernel",
           "1.EncDecAttention.q.weight", WHEN_ALWAYS, QKV),
    IN_DEC("encoder_decoder_attention/key/kernel", "1.EncDecAttention.k.weight",
           WHEN_ALWAYS, QKV),
    IN_DEC("encoder_decoder_attention/value/kernel",
           "1.EncDecAttention.v.weight", WHEN_ALWAYS, QKV),
    IN_DEC("encoder_decoder_attention/out/kernel", "1.EncDecAttention.o.weight",
           WHEN_ALWAYS, OUT),
    IN_DEC("pre_cross_attention_layer_norm/scale", "1.layer_norm.weight",
           WHEN_ALWAYS, SCALE),
    IN_DEC("mlp/wi/kernel", "2.mlp.wi.weight", WHEN_DENSE, WI),
    IN_DEC("mlp/wo/kernel", "2.mlp.wo.weight", WHEN_DENSE, WO),
    IN_DEC("mlp/router/router_weights/w/kernel",
           "2.mlp.router.classifier.weight", WHEN_SPARSE, ROUTER),
    IN_DEC("mlp/router/router_weights/w/bias", "2.mlp.router.classifier.bias",
           WHEN_BIAS, ROUTER_BIAS),
    IN_DEC("mlp/expert/wi/kernel", "2." EXPERT "wi.weight", WHEN_SPARSE,
           EXPERT_WI),
    IN_DEC("mlp/expert/wo/kernel", "2." EXPERT "wo.weight", WHEN_SPARSE,
           EXPERT_WO),
    IN_DEC("pre_mlp_layer_norm/scale", "2.layer_norm.weight", WHEN_ALWAYS,
           SCALE),
    SIDE(SIDE_DECODER, "decoder/decoder_norm/scale",
         "decoder.final_layer_norm.weight", WHEN_ALWAYS, SCALE),

    GLOBAL("decoder/logits_dense/kernel", "lm_head.weight", WHEN_UNTIED, HEAD),
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0], LAYER_DIGITS = 9 };

const struct names_row *names_rows(size_t *count)
{
    *count = ROW_COUNT;
    return rows;
}

bool names_per_expert(const struct names_row *row)
{
    return row->rank == 3;
}

/* A layer number as it is written: digits without a leading zero. */
static bool read_layer(const char **text, uint64_t *layer)
{
    const char *p = *text;
    unsigned digits = 0;

    *layer = 0;
    for (; p[digits] >= '0' && p[digits] <= '9'; digits++) {
        if (digits == LAYER_DIGITS)
            return false;
        *layer = *layer * 10 + (uint64_t)(p[digits] - '0');
    }
    *text = p + digits;
    return digits == 1 || (digits > 1 && p[0] != '0');
}

static bool match(const char *pattern, const char *name, uint64_t *layer)
{
    *layer = 0;
    while (*pattern) {
        if (*pattern != '{') {
            if (*pattern++ != *name++)
                return false;
        } else {
            pattern += strlen("{i}");
            if (!read_layer(&name, layer))
                return false;
        }
    }
    return *name == '\0';
}

bool names_match(const char *name, size_t *row, uint64_t *layer)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (match(rows[i].source, name, layer)) {
            *row = i;
            return true;
        }
    }
    return false;
}

static size_t put_number(char *text, uint64_t n)
{
    char digits[20];
    size_t len = 0;

    do
        digits[len++] = (char)('0' + n % 10);
    while (n /= 10);
    for (size_t i = 0; i < len; i++)
        text[i] = digits[len - 1 - i];
    return len;
}

/* Templates are under 80 bytes and hold at most two numbers: all fits. */
static size_t expand(const char *pattern, uint64_t layer, uint64_t expert,
                     char *text)
{
    size_t len = 0;

    while (*pattern) {
        if (*pattern != '{') {
            text[len++] = *pattern++;
            continue;
        }
        len += put_number(text + len, pattern[1] == 'i' ? layer : expert);
        pattern += strlen("{i}");
    }
    text[len] = '\0';
    return len;
}

size_t names_source(const struct names_row *row, uint64_t layer,
                    char text[static NAMES_MAX])
{
    return expand(row->source, layer, 0, text);
}

size_t names_target(const struct names_row *row, uint64_t layer,
                    uint64_t expert, char text[static NAMES_MAX])
{
    return expand(row->target, layer, expert, text);
}

/* Parts of names that tell a model of another kind; the first match counts. */
static const struct {
    const char *part;
    const char *kind;
} foreign[] = {
    { "/mlp/expert/wi_0/", "gated experts (wi_0 and wi_1, as in Switch-XXL and "
                           "ST-MoE)" },
    { "/mlp/expert/wi_1/", "gated experts (wi_0 and wi_1, as in Switch-XXL and "
                           "ST-MoE)" },
    { "/mlp/wi_0/", "gated feed-forward layers (wi_0 and wi_1, as in T5 1.1 "
                    "and ST-MoE)" },
    { "/mlp/wi_1/", "gated feed-forward layers (wi_0 and wi_1, as in T5 1.1 "
                    "and ST-MoE)" },
    { "/extra_mlp/", "a second feed-forward layer in its sparse layers (as in "
                     "ST-MoE)" },
    { "encoder/encoder/", "scanned layers (stacked along an axis of one "
                          "array)" },
    { "decoder/decoder/", "scanned layers (stacked along an axis of one "
                          "array)" },
    { "coder/layers/", "scanned layers (stacked along an axis of one array)" },
    { "/position_embedder/", "absolute position embeddings" },
    { "/qkv_fused/", "fused query, key and value projections" },
    { "/kv_fused/", "fused key and value projections" },
};

const char *names_foreign(const char *name)
{
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        if (strstr(name, foreign[i].part))
            return foreign[i].kind;
    }
    return NULL;
}

/* Edits (insert, delete, replace) that make b of a; both are short. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[NAMES_MAX + 1];
    size_t n = strlen(b);

    for (size_t j = 0; j <= n; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; a[i - 1]; i++) {
        unsigned diagonal = row[0];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n];
}

/* The number after "layers_" in name, 0 if there is none. */
static uint64_t layer_in(const char *name)
{
    const char *at = strstr(name, "layers_");
    uint64_t layer = 0;

    if (at) {
        at += strlen("layers_");
        if (!read_layer(&at, &layer))
            layer = 0;
    }
    return layer;
}

bool names_closest(const char *name, char text[static NAMES_MAX])
{
    enum { CLOSE = 6 };
    uint64_t layer = layer_in(name);
    unsigned best = CLOSE + 1;
    char candidate[NAMES_MAX];
    unsigned edits;

    if (strlen(name) >= NAMES_MAX)
        return false;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        names_source(&rows[i], layer, candidate);
        edits = distance(name, candidate);
        if (edits > 0 && edits < best) {
            best = edits;
            snprintf(text, NAMES_MAX, "%s", candidate);
        }
    }
    return best <= CLOSE;
}
