/*
 * Written by make_gin_known.py. Its sources are the gin files of
 * https://github.com/google/flaxformer and
 * https://github.com/google-research/t5x.
 */
#include "model/gin_known.h"

#include <stddef.h>

/* clang-format off */

static const struct gin_known_line nothing[] = { { 0, NULL } };

static const struct gin_known_line file_1[] = {
    { 23, "NUM_ENCODER_LAYERS = %gin.REQUIRED" },
    { 24, "NUM_DECODER_LAYERS = %gin.REQUIRED" },
    { 25, "NUM_HEADS = %gin.REQUIRED" },
    { 26, "HEAD_DIM = %gin.REQUIRED" },
    { 27, "EMBED_DIM = %gin.REQUIRED" },
    { 28, "MLP_DIM = %gin.REQUIRED" },
    { 29, "NUM_EMBEDDINGS = %gin.REQUIRED" },
    { 55, "t5_architecture.Encoder.num_layers = %NUM_ENCODER_LAYERS" },
    { 74, "t5_architecture.Decoder.num_layers = %NUM_DECODER_LAYERS" },
    { 80, "t5_architecture.Decoder.output_logits_factory = @output_logits/dense.DenseGeneral" },
    { 107, "embedding.Embed.num_embeddings = %NUM_EMBEDDINGS" },
    { 108, "embedding.Embed.features = %EMBED_DIM" },
    { 119, "dense_attention.MultiHeadDotProductAttention.num_heads = %NUM_HEADS" },
    { 121, "dense_attention.MultiHeadDotProductAttention.head_dim = %HEAD_DIM" },
    { 124, "dense_attention.MultiHeadDotProductAttention.use_bias = False" },
    { 136, "relative_position_biases.RelativePositionBiases.num_buckets = 32" },
    { 137, "relative_position_biases.RelativePositionBiases.max_distance = 128" },
    { 146, "dense.MlpBlock.use_bias = False" },
    { 147, "dense.MlpBlock.intermediate_dim = %MLP_DIM" },
    { 148, "dense.MlpBlock.activations = ('gelu', 'linear')" },
    { 0, NULL },
};

static const struct gin_known_line file_2[] = {
    { 22, "NUM_ENCODER_LAYERS = %gin.REQUIRED" },
    { 23, "NUM_DECODER_LAYERS = %gin.REQUIRED" },
    { 24, "NUM_HEADS = %gin.REQUIRED" },
    { 25, "HEAD_DIM = %gin.REQUIRED" },
    { 26, "EMBED_DIM = %gin.REQUIRED" },
    { 27, "MLP_DIM = %gin.REQUIRED" },
    { 28, "NUM_EMBEDDINGS = %gin.REQUIRED" },
    { 53, "t5_architecture.Encoder.num_layers = %NUM_ENCODER_LAYERS" },
    { 72, "t5_architecture.Decoder.num_layers = %NUM_DECODER_LAYERS" },
    { 76, "t5_architecture.Decoder.output_logits_factory = None" },
    { 92, "embedding.Embed.num_embeddings = %NUM_EMBEDDINGS" },
    { 93, "embedding.Embed.features = %EMBED_DIM" },
    { 104, "dense_attention.MultiHeadDotProductAttention.num_heads = %NUM_HEADS" },
    { 105, "dense_attention.MultiHeadDotProductAttention.head_dim = %HEAD_DIM" },
    { 109, "dense_attention.MultiHeadDotProductAttention.use_bias = False" },
    { 120, "relative_position_biases.RelativePositionBiases.num_buckets = 32" },
    { 121, "relative_position_biases.RelativePositionBiases.max_distance = 128" },
    { 131, "dense.MlpBlock.use_bias = False" },
    { 132, "dense.MlpBlock.intermediate_dim = %MLP_DIM" },
    { 133, "dense.MlpBlock.activations = ('relu',)" },
    { 0, NULL },
};

static const struct gin_known_line file_3[] = {
    { 11, "include 'flaxformer/t5x/configs/t5/architectures/t5_1_1_flaxformer.gin'" },
    { 14, "NUM_ENCODER_LAYERS = 18" },
    { 15, "NUM_DECODER_LAYERS = 6" },
    { 16, "NUM_HEADS = 12" },
    { 17, "HEAD_DIM = 64" },
    { 18, "EMBED_DIM = 1536" },
    { 19, "MLP_DIM = 3968" },
    { 22, "NUM_EMBEDDINGS = 384" },
    { 0, NULL },
};

static const struct gin_known_line file_4[] = {
    { 4, "include 'flaxformer/t5x/configs/t5/models/byt5_base.gin'" },
    { 7, "NUM_HEADS = 16" },
    { 8, "NUM_ENCODER_LAYERS = 36" },
    { 9, "NUM_DECODER_LAYERS = 12" },
    { 10, "EMBED_DIM = 1536" },
    { 11, "MLP_DIM = 3840" },
    { 0, NULL },
};

static const struct gin_known_line file_5[] = {
    { 4, "include 'flaxformer/t5x/configs/t5/models/byt5_base.gin'" },
    { 7, "NUM_HEADS = 6" },
    { 8, "NUM_ENCODER_LAYERS = 12" },
    { 9, "NUM_DECODER_LAYERS = 4" },
    { 10, "EMBED_DIM = 1472" },
    { 11, "MLP_DIM = 3584" },
    { 0, NULL },
};

static const struct gin_known_line file_6[] = {
    { 4, "include 'flaxformer/t5x/configs/t5/models/byt5_base.gin'" },
    { 7, "NUM_HEADS = 32" },
    { 8, "NUM_ENCODER_LAYERS = 36" },
    { 9, "NUM_DECODER_LAYERS = 12" },
    { 10, "EMBED_DIM = 2560" },
    { 11, "MLP_DIM = 6720" },
    { 0, NULL },
};

static const struct gin_known_line file_7[] = {
    { 4, "include 'flaxformer/t5x/configs/t5/models/byt5_base.gin'" },
    { 7, "NUM_HEADS = 64" },
    { 8, "NUM_ENCODER_LAYERS = 36" },
    { 9, "NUM_DECODER_LAYERS = 12" },
    { 10, "EMBED_DIM = 4672" },
    { 11, "MLP_DIM = 12352" },
    { 0, NULL },
};

static const struct gin_known_line file_8[] = {
    { 12, "include 'flaxformer/t5x/configs/t5/architectures/t5_1_1_flaxformer.gin'" },
    { 13, "NUM_EMBEDDINGS = 250112" },
    { 16, "NUM_ENCODER_LAYERS = 12" },
    { 17, "NUM_DECODER_LAYERS = 12" },
    { 18, "NUM_HEADS = 12" },
    { 19, "HEAD_DIM = 64" },
    { 20, "EMBED_DIM = 768" },
    { 21, "MLP_DIM = 2048" },
    { 0, NULL },
};

static const struct gin_known_line file_9[] = {
    { 4, "include 'flaxformer/t5x/configs/t5/models/mt5_base.gin'" },
    { 7, "NUM_ENCODER_LAYERS = 24" },
    { 8, "NUM_DECODER_LAYERS = 24" },
    { 9, "NUM_HEADS = 16" },
    { 10, "HEAD_DIM = 64" },
    { 11, "EMBED_DIM = 1024" },
    { 12, "MLP_DIM = 2816" },
    { 0, NULL },
};

static const struct gin_known_line file_10[] = {
    { 4, "include 'flaxformer/t5x/configs/t5/models/mt5_base.gin'" },
    { 7, "NUM_ENCODER_LAYERS = 8" },
    { 8, "NUM_DECODER_LAYERS = 8" },
    { 9, "NUM_HEADS = 6" },
    { 10, "HEAD_DIM = 64" },
    { 11, "EMBED_DIM = 512" },
    { 12, "MLP_DIM = 1024" },
    { 0, NULL },
};

static const struct gin_known_line file_11[] = {
    { 4, "include 'flaxformer/t5x/configs/t5/models/mt5_base.gin'" },
    { 7, "NUM_ENCODER_LAYERS = 24" },
    { 8, "NUM_DECODER_LAYERS = 24" },
    { 9, "NUM_HEADS = 32" },
    { 10, "HEAD_DIM = 64" },
    { 11, "EMBED_DIM = 2048" },
    { 12, "MLP_DIM = 5120" },
    { 0, NULL },
};

static const struct gin_known_line file_12[] = {
    { 4, "include 'flaxformer/t5x/configs/t5/models/mt5_base.gin'" },
    { 7, "NUM_ENCODER_LAYERS = 24" },
    { 8, "NUM_DECODER_LAYERS = 24" },
    { 9, "NUM_HEADS = 64" },
    { 10, "HEAD_DIM = 64" },
    { 11, "EMBED_DIM = 4096" },
    { 12, "MLP_DIM = 10240" },
    { 0, NULL },
};

static const struct gin_known_line file_13[] = {
    { 4, "include 'flaxformer/t5x/configs/t5/models/t5_base.gin'" },
    { 7, "NUM_ENCODER_LAYERS = 24" },
    { 8, "NUM_DECODER_LAYERS = 24" },
    { 9, "NUM_HEADS = 128" },
    { 10, "HEAD_DIM = 128" },
    { 11, "EMBED_DIM = 1024" },
    { 12, "MLP_DIM = 65536" },
    { 0, NULL },
};

static const struct gin_known_line file_14[] = {
    { 11, "include 'flaxformer/t5x/configs/t5/architectures/t5_1_1_flaxformer.gin'" },
    { 14, "NUM_ENCODER_LAYERS = 12" },
    { 15, "NUM_DECODER_LAYERS = 12" },
    { 16, "NUM_HEADS = 12" },
    { 17, "HEAD_DIM = 64" },
    { 18, "EMBED_DIM = 768" },
    { 19, "MLP_DIM = 2048" },
    { 32, "NUM_EMBEDDINGS = 32128" },
    { 0, NULL },
};

static const struct gin_known_line file_15[] = {
    { 4, "include 'flaxformer/t5x/configs/t5/models/t5_1_1_base.gin'" },
    { 7, "NUM_ENCODER_LAYERS = 24" },
    { 8, "NUM_DECODER_LAYERS = 24" },
    { 9, "NUM_HEADS = 16" },
    { 10, "HEAD_DIM = 64" },
    { 11, "EMBED_DIM = 1024" },
    { 12, "MLP_DIM = 2816" },
    { 0, NULL },
};

static const struct gin_known_line file_16[] = {
    { 4, "include 'flaxformer/t5x/configs/t5/models/t5_1_1_base.gin'" },
    { 7, "NUM_ENCODER_LAYERS = 8" },
    { 8, "NUM_DECODER_LAYERS = 8" },
    { 9, "NUM_HEADS = 6" },
    { 10, "HEAD_DIM = 64" },
    { 11, "EMBED_DIM = 512" },
    { 12, "MLP_DIM = 1024" },
    { 0, NULL },
};

static const struct gin_known_line file_17[] = {
    { 4, "include 'flaxformer/t5x/configs/t5/models/t5_1_1_base.gin'" },
    { 7, "NUM_ENCODER_LAYERS = 24" },
    { 8, "NUM_DECODER_LAYERS = 24" },
    { 9, "NUM_HEADS = 32" },
    { 10, "HEAD_DIM = 64" },
    { 11, "EMBED_DIM = 2048" },
    { 12, "MLP_DIM = 5120" },
    { 0, NULL },
};

static const struct gin_known_line file_18[] = {
    { 4, "include 'flaxformer/t5x/configs/t5/models/t5_1_1_base.gin'" },
    { 7, "NUM_ENCODER_LAYERS = 24" },
    { 8, "NUM_DECODER_LAYERS = 24" },
    { 9, "NUM_HEADS = 64" },
    { 10, "HEAD_DIM = 64" },
    { 11, "EMBED_DIM = 4096" },
    { 12, "MLP_DIM = 10240" },
    { 0, NULL },
};

static const struct gin_known_line file_19[] = {
    { 4, "include 'flaxformer/t5x/configs/t5/models/t5_base.gin'" },
    { 7, "NUM_ENCODER_LAYERS = 24" },
    { 8, "NUM_DECODER_LAYERS = 24" },
    { 9, "NUM_HEADS = 32" },
    { 10, "HEAD_DIM = 128" },
    { 11, "EMBED_DIM = 1024" },
    { 12, "MLP_DIM = 16384" },
    { 0, NULL },
};

static const struct gin_known_line file_20[] = {
    { 11, "include 'flaxformer/t5x/configs/t5/architectures/t5_flaxformer.gin'" },
    { 14, "NUM_ENCODER_LAYERS = 12" },
    { 15, "NUM_DECODER_LAYERS = 12" },
    { 16, "NUM_HEADS = 12" },
    { 17, "HEAD_DIM = 64" },
    { 18, "EMBED_DIM = 768" },
    { 19, "MLP_DIM = 3072" },
    { 32, "NUM_EMBEDDINGS = 32128" },
    { 0, NULL },
};

static const struct gin_known_line file_21[] = {
    { 4, "include 'flaxformer/t5x/configs/t5/models/t5_base.gin'" },
    { 7, "NUM_ENCODER_LAYERS = 24" },
    { 8, "NUM_DECODER_LAYERS = 24" },
    { 9, "NUM_HEADS = 16" },
    { 10, "HEAD_DIM = 64" },
    { 11, "EMBED_DIM = 1024" },
    { 12, "MLP_DIM = 4096" },
    { 0, NULL },
};

static const struct gin_known_line file_22[] = {
    { 4, "include 'flaxformer/t5x/configs/t5/models/t5_base.gin'" },
    { 7, "NUM_ENCODER_LAYERS = 6" },
    { 8, "NUM_DECODER_LAYERS = 6" },
    { 9, "NUM_HEADS = 8" },
    { 10, "HEAD_DIM = 64" },
    { 11, "EMBED_DIM = 512" },
    { 12, "MLP_DIM = 2048" },
    { 0, NULL },
};

static const struct gin_known_line file_23[] = {
    { 3, "include 't5x/examples/t5/t5_1_0/base.gin'" },
    { 8, "network.T5Config.emb_dim = 1024" },
    { 9, "network.T5Config.num_heads = 128" },
    { 10, "network.T5Config.num_encoder_layers = 24" },
    { 11, "network.T5Config.num_decoder_layers = 24" },
    { 12, "network.T5Config.head_dim = 128" },
    { 13, "network.T5Config.mlp_dim = 65536" },
    { 0, NULL },
};

static const struct gin_known_line file_24[] = {
    { 3, "include 't5x/examples/t5/t5_1_0/base.gin'" },
    { 8, "network.T5Config.emb_dim = 1024" },
    { 9, "network.T5Config.num_heads = 32" },
    { 10, "network.T5Config.num_encoder_layers = 24" },
    { 11, "network.T5Config.num_decoder_layers = 24" },
    { 12, "network.T5Config.head_dim = 128" },
    { 13, "network.T5Config.mlp_dim = 16384" },
    { 0, NULL },
};

static const struct gin_known_line file_25[] = {
    { 45, "network.T5Config.vocab_size = 32128" },
    { 47, "network.T5Config.emb_dim = 768" },
    { 48, "network.T5Config.num_heads = 12" },
    { 49, "network.T5Config.num_encoder_layers = 12" },
    { 50, "network.T5Config.num_decoder_layers = 12" },
    { 51, "network.T5Config.head_dim = 64" },
    { 52, "network.T5Config.mlp_dim = 3072" },
    { 53, "network.T5Config.mlp_activations = ('relu',)" },
    { 55, "network.T5Config.logits_via_embedding = True" },
    { 0, NULL },
};

static const struct gin_known_line file_26[] = {
    { 3, "include 't5x/examples/t5/t5_1_0/base.gin'" },
    { 8, "network.T5Config.emb_dim = 1024" },
    { 9, "network.T5Config.num_heads = 16" },
    { 10, "network.T5Config.num_encoder_layers = 24" },
    { 11, "network.T5Config.num_decoder_layers = 24" },
    { 12, "network.T5Config.head_dim = 64" },
    { 13, "network.T5Config.mlp_dim = 4096" },
    { 0, NULL },
};

static const struct gin_known_line file_27[] = {
    { 3, "include 't5x/examples/t5/t5_1_0/base.gin'" },
    { 8, "network.T5Config.emb_dim = 512" },
    { 9, "network.T5Config.num_heads = 8" },
    { 10, "network.T5Config.num_encoder_layers = 6" },
    { 11, "network.T5Config.num_decoder_layers = 6" },
    { 12, "network.T5Config.head_dim = 64" },
    { 13, "network.T5Config.mlp_dim = 2048" },
    { 0, NULL },
};

static const struct gin_known_line file_28[] = {
    { 3, "include 't5x/examples/t5/t5_1_1/base.gin'" },
    { 8, "network.T5Config.emb_dim = 8" },
    { 9, "network.T5Config.num_heads = 4" },
    { 10, "network.T5Config.num_encoder_layers = 2" },
    { 11, "network.T5Config.num_decoder_layers = 2" },
    { 12, "network.T5Config.head_dim = 3" },
    { 13, "network.T5Config.mlp_dim = 16" },
    { 0, NULL },
};

static const struct gin_known_line file_29[] = {
    { 45, "network.T5Config.vocab_size = 32128" },
    { 47, "network.T5Config.emb_dim = 768" },
    { 48, "network.T5Config.num_heads = 12" },
    { 49, "network.T5Config.num_encoder_layers = 12" },
    { 50, "network.T5Config.num_decoder_layers = 12" },
    { 51, "network.T5Config.head_dim = 64" },
    { 52, "network.T5Config.mlp_dim = 2048" },
    { 53, "network.T5Config.mlp_activations = ('gelu', 'linear')" },
    { 55, "network.T5Config.logits_via_embedding = False" },
    { 0, NULL },
};

static const struct gin_known_line file_30[] = {
    { 3, "include 't5x/examples/t5/t5_1_1/base.gin'" },
    { 8, "network.T5Config.emb_dim = 1024" },
    { 9, "network.T5Config.num_heads = 16" },
    { 10, "network.T5Config.num_encoder_layers = 24" },
    { 11, "network.T5Config.num_decoder_layers = 24" },
    { 12, "network.T5Config.head_dim = 64" },
    { 13, "network.T5Config.mlp_dim = 2816" },
    { 0, NULL },
};

static const struct gin_known_line file_31[] = {
    { 3, "include 't5x/examples/t5/t5_1_1/base.gin'" },
    { 8, "network.T5Config.emb_dim = 512" },
    { 9, "network.T5Config.num_heads = 6" },
    { 10, "network.T5Config.num_encoder_layers = 8" },
    { 11, "network.T5Config.num_decoder_layers = 8" },
    { 12, "network.T5Config.head_dim = 64" },
    { 13, "network.T5Config.mlp_dim = 1024" },
    { 0, NULL },
};

static const struct gin_known_line file_32[] = {
    { 3, "include 't5x/examples/t5/t5_1_1/base.gin'" },
    { 8, "network.T5Config.emb_dim = 8" },
    { 9, "network.T5Config.num_heads = 4" },
    { 10, "network.T5Config.num_encoder_layers = 2" },
    { 11, "network.T5Config.num_decoder_layers = 2" },
    { 12, "network.T5Config.head_dim = 3" },
    { 13, "network.T5Config.mlp_dim = 16" },
    { 0, NULL },
};

static const struct gin_known_line file_33[] = {
    { 3, "include 't5x/examples/t5/t5_1_1/base.gin'" },
    { 8, "network.T5Config.emb_dim = 2048" },
    { 9, "network.T5Config.num_heads = 32" },
    { 10, "network.T5Config.num_encoder_layers = 24" },
    { 11, "network.T5Config.num_decoder_layers = 24" },
    { 12, "network.T5Config.head_dim = 64" },
    { 13, "network.T5Config.mlp_dim = 5120" },
    { 0, NULL },
};

static const struct gin_known_line file_34[] = {
    { 3, "include 't5x/examples/t5/t5_1_1/base.gin'" },
    { 8, "network.T5Config.emb_dim = 4096" },
    { 9, "network.T5Config.num_heads = 64" },
    { 10, "network.T5Config.num_encoder_layers = 24" },
    { 11, "network.T5Config.num_decoder_layers = 24" },
    { 12, "network.T5Config.head_dim = 64" },
    { 13, "network.T5Config.mlp_dim = 10240" },
    { 0, NULL },
};

const struct gin_known_file gin_known_t5[] = {
    { "flaxformer/t5x/configs/t5/architectures/flash_attention.gin", nothing },
    { "flaxformer/t5x/configs/t5/architectures/t5_1_1_flaxformer.gin", file_1 },
    { "flaxformer/t5x/configs/t5/architectures/t5_flaxformer.gin", file_2 },
    { "flaxformer/t5x/configs/t5/models/byt5_base.gin", file_3 },
    { "flaxformer/t5x/configs/t5/models/byt5_large.gin", file_4 },
    { "flaxformer/t5x/configs/t5/models/byt5_small.gin", file_5 },
    { "flaxformer/t5x/configs/t5/models/byt5_xl.gin", file_6 },
    { "flaxformer/t5x/configs/t5/models/byt5_xxl.gin", file_7 },
    { "flaxformer/t5x/configs/t5/models/mt5_base.gin", file_8 },
    { "flaxformer/t5x/configs/t5/models/mt5_large.gin", file_9 },
    { "flaxformer/t5x/configs/t5/models/mt5_small.gin", file_10 },
    { "flaxformer/t5x/configs/t5/models/mt5_xl.gin", file_11 },
    { "flaxformer/t5x/configs/t5/models/mt5_xxl.gin", file_12 },
    { "flaxformer/t5x/configs/t5/models/t5_11B.gin", file_13 },
    { "flaxformer/t5x/configs/t5/models/t5_1_1_base.gin", file_14 },
    { "flaxformer/t5x/configs/t5/models/t5_1_1_large.gin", file_15 },
    { "flaxformer/t5x/configs/t5/models/t5_1_1_small.gin", file_16 },
    { "flaxformer/t5x/configs/t5/models/t5_1_1_xl.gin", file_17 },
    { "flaxformer/t5x/configs/t5/models/t5_1_1_xxl.gin", file_18 },
    { "flaxformer/t5x/configs/t5/models/t5_3B.gin", file_19 },
    { "flaxformer/t5x/configs/t5/models/t5_base.gin", file_20 },
    { "flaxformer/t5x/configs/t5/models/t5_large.gin", file_21 },
    { "flaxformer/t5x/configs/t5/models/t5_small.gin", file_22 },
    { "t5x/examples/t5/t5_1_0/11B.gin", file_23 },
    { "t5x/examples/t5/t5_1_0/3B.gin", file_24 },
    { "t5x/examples/t5/t5_1_0/base.gin", file_25 },
    { "t5x/examples/t5/t5_1_0/large.gin", file_26 },
    { "t5x/examples/t5/t5_1_0/small.gin", file_27 },
    { "t5x/examples/t5/t5_1_0/tiny.gin", file_28 },
    { "t5x/examples/t5/t5_1_1/base.gin", file_29 },
    { "t5x/examples/t5/t5_1_1/large.gin", file_30 },
    { "t5x/examples/t5/t5_1_1/small.gin", file_31 },
    { "t5x/examples/t5/t5_1_1/tiny.gin", file_32 },
    { "t5x/examples/t5/t5_1_1/xl.gin", file_33 },
    { "t5x/examples/t5/t5_1_1/xxl.gin", file_34 },
    { NULL, NULL },
};
