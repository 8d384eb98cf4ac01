/*
 * Written by make_gin_known.py. Its sources are the gin files of
 * https://github.com/google/flaxformer and
 * https://github.com/google-research/t5x.
 */
#include "model/gin_known.h"

#include <stddef.h>

/* clang-format off */

static const struct gin_known_line nothing[] = { { 0, NULL } };

static const struct gin_known_line file_0[] = {
    { 45, "NUM_ENCODER_LAYERS = %gin.REQUIRED" },
    { 46, "NUM_DECODER_LAYERS = %gin.REQUIRED" },
    { 47, "NUM_HEADS = %gin.REQUIRED" },
    { 48, "HEAD_DIM = %gin.REQUIRED" },
    { 49, "EMBED_DIM = %gin.REQUIRED" },
    { 50, "MLP_DIM = %gin.REQUIRED" },
    { 51, "NUM_EMBEDDINGS = %gin.REQUIRED" },
    { 52, "NUM_EXPERTS = %gin.REQUIRED" },
    { 56, "NUM_ENCODER_SPARSE_LAYERS = %NUM_ENCODER_LAYERS" },
    { 57, "NUM_DECODER_SPARSE_LAYERS = %NUM_DECODER_LAYERS" },
    { 60, "ENCODER_SPARSE_LAYOUT = %moe_enums.LayerLayout.MIXED" },
    { 61, "DECODER_SPARSE_LAYOUT = %moe_enums.LayerLayout.MIXED" },
    { 65, "EXPERT_MLP_DIM = %MLP_DIM" },
    { 66, "NUM_SELECTED_EXPERTS = 1" },
    { 95, "moe_architecture.SparseEncoder.num_layers = %NUM_ENCODER_LAYERS" },
    { 96, "moe_architecture.SparseEncoder.num_sparse_layers = %NUM_ENCODER_SPARSE_LAYERS" },
    { 97, "moe_architecture.SparseEncoder.sparse_layout = %ENCODER_SPARSE_LAYOUT" },
    { 127, "moe_architecture.SparseDecoder.num_layers = %NUM_DECODER_LAYERS" },
    { 128, "moe_architecture.SparseDecoder.num_sparse_layers = %NUM_DECODER_SPARSE_LAYERS" },
    { 129, "moe_architecture.SparseDecoder.sparse_layout = %DECODER_SPARSE_LAYOUT" },
    { 136, "moe_architecture.SparseDecoder.output_logits_factory = @output_logits/dense.DenseGeneral" },
    { 174, "embedding.Embed.num_embeddings = %NUM_EMBEDDINGS" },
    { 175, "embedding.Embed.features = %EMBED_DIM" },
    { 186, "dense_attention.MultiHeadDotProductAttention.num_heads = %NUM_HEADS" },
    { 188, "dense_attention.MultiHeadDotProductAttention.head_dim = %HEAD_DIM" },
    { 191, "dense_attention.MultiHeadDotProductAttention.use_bias = False" },
    { 203, "relative_position_biases.RelativePositionBiases.num_buckets = 32" },
    { 204, "relative_position_biases.RelativePositionBiases.max_distance = 128" },
    { 213, "dense.MlpBlock.use_bias = False" },
    { 214, "dense.MlpBlock.intermediate_dim = %MLP_DIM" },
    { 215, "dense.MlpBlock.activations = ('gelu', 'linear')" },
    { 230, "moe_layers.MoeLayer.num_experts = %NUM_EXPERTS" },
    { 234, "moe_layers.MoeLayer.expert = @expert/dense.MlpBlock()" },
    { 239, "sparse_encoder/moe_layers.MoeLayer.router = @sparse_encoder/routing.TokensChooseMaskedRouter()" },
    { 241, "sparse_decoder/moe_layers.MoeLayer.router = @sparse_decoder/routing.TokensChooseMaskedRouter()" },
    { 251, "routing.TokensChooseMaskedRouter.num_selected_experts = %NUM_SELECTED_EXPERTS" },
    { 261, "routing.RouterWeights.use_bias = False" },
    { 273, "expert/dense.MlpBlock.use_bias = False" },
    { 274, "expert/dense.MlpBlock.intermediate_dim = %EXPERT_MLP_DIM" },
    { 275, "expert/dense.MlpBlock.activations = ('gelu', 'linear')" },
    { 0, NULL },
};

static const struct gin_known_line file_1[] = {
    { 21, "include 'flaxformer/t5x/configs/moe/architectures/moe.gin'" },
    { 24, "NUM_ENCODER_LAYERS = 12" },
    { 25, "NUM_DECODER_LAYERS = 12" },
    { 26, "NUM_HEADS = 12" },
    { 27, "HEAD_DIM = 64" },
    { 28, "EMBED_DIM = 768" },
    { 29, "MLP_DIM = 2048" },
    { 32, "NUM_EXPERTS = 64" },
    { 34, "NUM_ENCODER_SPARSE_LAYERS = 6" },
    { 35, "NUM_DECODER_SPARSE_LAYERS = 6" },
    { 38, "EXPERT_MLP_DIM = %MLP_DIM" },
    { 47, "sparse_encoder/moe_layers.MoeLayer.router = @sparse_encoder/routing.ExpertsChooseMaskedRouter()" },
    { 54, "NUM_SELECTED_EXPERTS = 2" },
    { 61, "NUM_EMBEDDINGS = 32128" },
    { 0, NULL },
};

static const struct gin_known_line file_2[] = {
    { 7, "include 'flaxformer/t5x/configs/moe/models/experts_choose_base.gin'" },
    { 10, "NUM_ENCODER_LAYERS = 24" },
    { 11, "NUM_DECODER_LAYERS = 24" },
    { 12, "NUM_HEADS = 16" },
    { 13, "HEAD_DIM = 64" },
    { 14, "EMBED_DIM = 1024" },
    { 15, "MLP_DIM = 2816" },
    { 18, "NUM_EXPERTS = 64" },
    { 20, "NUM_ENCODER_SPARSE_LAYERS = 12" },
    { 21, "NUM_DECODER_SPARSE_LAYERS = 12" },
    { 0, NULL },
};

static const struct gin_known_line file_3[] = {
    { 5, "include 'flaxformer/t5x/configs/moe/models/experts_choose_base.gin'" },
    { 8, "NUM_ENCODER_LAYERS = 8" },
    { 9, "NUM_DECODER_LAYERS = 8" },
    { 10, "NUM_HEADS = 6" },
    { 11, "HEAD_DIM = 64" },
    { 12, "EMBED_DIM = 512" },
    { 13, "MLP_DIM = 1024" },
    { 16, "NUM_EXPERTS = 32" },
    { 18, "NUM_ENCODER_SPARSE_LAYERS = 4" },
    { 19, "NUM_DECODER_SPARSE_LAYERS = 4" },
    { 0, NULL },
};

static const struct gin_known_line file_4[] = {
    { 5, "include 'flaxformer/t5x/configs/moe/models/experts_choose_base.gin'" },
    { 8, "NUM_ENCODER_LAYERS = 2" },
    { 9, "NUM_DECODER_LAYERS = 2" },
    { 10, "NUM_HEADS = 6" },
    { 11, "HEAD_DIM = 64" },
    { 12, "EMBED_DIM = 32" },
    { 13, "MLP_DIM = 64" },
    { 16, "NUM_EXPERTS = 8" },
    { 18, "NUM_ENCODER_SPARSE_LAYERS = 1" },
    { 19, "NUM_DECODER_SPARSE_LAYERS = 1" },
    { 0, NULL },
};

static const struct gin_known_line file_5[] = {
    { 7, "include 'flaxformer/t5x/configs/moe/models/experts_choose_base.gin'" },
    { 10, "NUM_ENCODER_LAYERS = 24" },
    { 11, "NUM_DECODER_LAYERS = 24" },
    { 12, "NUM_HEADS = 32" },
    { 13, "HEAD_DIM = 64" },
    { 14, "EMBED_DIM = 2048" },
    { 15, "MLP_DIM = 5120" },
    { 18, "NUM_EXPERTS = 64" },
    { 20, "NUM_ENCODER_SPARSE_LAYERS = 12" },
    { 21, "NUM_DECODER_SPARSE_LAYERS = 12" },
    { 0, NULL },
};

static const struct gin_known_line file_6[] = {
    { 7, "include 'flaxformer/t5x/configs/moe/models/experts_choose_base.gin'" },
    { 10, "NUM_ENCODER_LAYERS = 24" },
    { 11, "NUM_DECODER_LAYERS = 24" },
    { 12, "NUM_HEADS = 64" },
    { 13, "HEAD_DIM = 64" },
    { 14, "EMBED_DIM = 4096" },
    { 15, "MLP_DIM = 10240" },
    { 18, "NUM_EXPERTS = 64" },
    { 20, "NUM_ENCODER_SPARSE_LAYERS = 12" },
    { 21, "NUM_DECODER_SPARSE_LAYERS = 12" },
    { 0, NULL },
};

static const struct gin_known_line file_7[] = {
    { 12, "include 'flaxformer/t5x/configs/moe/models/st_moe_base.gin'" },
    { 15, "NUM_ENCODER_LAYERS = 24" },
    { 16, "NUM_DECODER_LAYERS = 24" },
    { 17, "NUM_HEADS = 64" },
    { 18, "HEAD_DIM = 128" },
    { 19, "EMBED_DIM = 5120" },
    { 20, "MLP_DIM = 20480" },
    { 24, "NUM_EXPERTS = 64" },
    { 26, "NUM_ENCODER_SPARSE_LAYERS = 6" },
    { 27, "NUM_DECODER_SPARSE_LAYERS = 6" },
    { 0, NULL },
};

static const struct gin_known_line file_8[] = {
    { 10, "include 'flaxformer/t5x/configs/moe/models/tokens_choose_base.gin'" },
    { 13, "NUM_EXPERTS = 16" },
    { 15, "NUM_ENCODER_SPARSE_LAYERS = 3" },
    { 16, "NUM_DECODER_SPARSE_LAYERS = 3" },
    { 23, "moe_architecture.SparseEncoderLayer.extra_mlp = @dense.MlpBlock()" },
    { 24, "moe_architecture.SparseDecoderLayer.extra_mlp = @dense.MlpBlock()" },
    { 0, NULL },
};

static const struct gin_known_line file_9[] = {
    { 9, "include 'flaxformer/t5x/configs/moe/models/st_moe_base.gin'" },
    { 12, "NUM_ENCODER_LAYERS = 24" },
    { 13, "NUM_DECODER_LAYERS = 24" },
    { 14, "NUM_HEADS = 32" },
    { 15, "HEAD_DIM = 64" },
    { 16, "EMBED_DIM = 2048" },
    { 17, "MLP_DIM = 5120" },
    { 21, "NUM_EXPERTS = 16" },
    { 23, "NUM_ENCODER_SPARSE_LAYERS = 6" },
    { 24, "NUM_DECODER_SPARSE_LAYERS = 6" },
    { 0, NULL },
};

static const struct gin_known_line file_10[] = {
    { 21, "include 'flaxformer/t5x/configs/moe/models/tokens_choose_base.gin'" },
    { 24, "MLP_DIM = 3072" },
    { 27, "NUM_EXPERTS = 128" },
    { 29, "NUM_ENCODER_SPARSE_LAYERS = 6" },
    { 30, "NUM_DECODER_SPARSE_LAYERS = 6" },
    { 33, "NUM_SELECTED_EXPERTS = 1" },
    { 39, "dense.MlpBlock.activations = ('relu',)" },
    { 40, "expert/dense.MlpBlock.activations = ('relu',)" },
    { 43, "moe_architecture.SparseDecoder.output_logits_factory = None" },
    { 0, NULL },
};

static const struct gin_known_line file_11[] = {
    { 13, "include 'flaxformer/t5x/configs/moe/models/switch_base.gin'" },
    { 16, "NUM_ENCODER_LAYERS = 15" },
    { 17, "NUM_DECODER_LAYERS = 15" },
    { 18, "NUM_HEADS = 30" },
    { 19, "HEAD_DIM = 64" },
    { 20, "EMBED_DIM = 2080" },
    { 21, "MLP_DIM = 6144" },
    { 25, "NUM_EXPERTS = 2048" },
    { 27, "NUM_ENCODER_SPARSE_LAYERS = %NUM_ENCODER_LAYERS" },
    { 28, "NUM_DECODER_SPARSE_LAYERS = %NUM_DECODER_LAYERS" },
    { 34, "moe_architecture.SparseDecoder.output_logits_factory = @output_logits/dense.DenseGeneral" },
    { 0, NULL },
};

static const struct gin_known_line file_12[] = {
    { 12, "include 'flaxformer/t5x/configs/moe/models/switch_base.gin'" },
    { 15, "NUM_ENCODER_LAYERS = 24" },
    { 16, "NUM_DECODER_LAYERS = 24" },
    { 17, "NUM_HEADS = 16" },
    { 18, "HEAD_DIM = 64" },
    { 19, "EMBED_DIM = 1024" },
    { 20, "MLP_DIM = 4096" },
    { 24, "NUM_EXPERTS = 128" },
    { 26, "NUM_ENCODER_SPARSE_LAYERS = 12" },
    { 27, "NUM_DECODER_SPARSE_LAYERS = 12" },
    { 0, NULL },
};

static const struct gin_known_line file_13[] = {
    { 14, "include 'flaxformer/t5x/configs/moe/models/switch_base.gin'" },
    { 17, "NUM_ENCODER_LAYERS = 24" },
    { 18, "NUM_DECODER_LAYERS = 24" },
    { 19, "NUM_HEADS = 64" },
    { 20, "HEAD_DIM = 64" },
    { 21, "EMBED_DIM = 4096" },
    { 22, "MLP_DIM = 10240" },
    { 26, "NUM_EXPERTS = 128" },
    { 28, "NUM_ENCODER_SPARSE_LAYERS = 12" },
    { 29, "NUM_DECODER_SPARSE_LAYERS = 12" },
    { 35, "dense.MlpBlock.activations = ('gelu', 'linear')" },
    { 36, "expert/dense.MlpBlock.activations = ('gelu', 'linear')" },
    { 39, "moe_architecture.SparseDecoder.output_logits_factory = @output_logits/dense.DenseGeneral" },
    { 0, NULL },
};

static const struct gin_known_line file_14[] = {
    { 17, "include 'flaxformer/t5x/configs/moe/architectures/moe.gin'" },
    { 20, "NUM_ENCODER_LAYERS = 12" },
    { 21, "NUM_DECODER_LAYERS = 12" },
    { 22, "NUM_HEADS = 12" },
    { 23, "HEAD_DIM = 64" },
    { 24, "EMBED_DIM = 768" },
    { 25, "MLP_DIM = 2048" },
    { 28, "NUM_EXPERTS = 64" },
    { 30, "NUM_ENCODER_SPARSE_LAYERS = 3" },
    { 31, "NUM_DECODER_SPARSE_LAYERS = 3" },
    { 34, "EXPERT_MLP_DIM = %MLP_DIM" },
    { 35, "NUM_SELECTED_EXPERTS = 2" },
    { 51, "NUM_EMBEDDINGS = 32128" },
    { 0, NULL },
};

static const struct gin_known_line file_15[] = {
    { 7, "include 'flaxformer/t5x/configs/moe/models/tokens_choose_base.gin'" },
    { 10, "NUM_ENCODER_LAYERS = 24" },
    { 11, "NUM_DECODER_LAYERS = 24" },
    { 12, "NUM_HEADS = 16" },
    { 13, "HEAD_DIM = 64" },
    { 14, "EMBED_DIM = 1024" },
    { 15, "MLP_DIM = 2816" },
    { 18, "NUM_EXPERTS = 64" },
    { 20, "NUM_ENCODER_SPARSE_LAYERS = 6" },
    { 21, "NUM_DECODER_SPARSE_LAYERS = 6" },
    { 0, NULL },
};

static const struct gin_known_line file_16[] = {
    { 5, "include 'flaxformer/t5x/configs/moe/models/tokens_choose_base.gin'" },
    { 8, "NUM_ENCODER_LAYERS = 8" },
    { 9, "NUM_DECODER_LAYERS = 8" },
    { 10, "NUM_HEADS = 6" },
    { 11, "HEAD_DIM = 64" },
    { 12, "EMBED_DIM = 512" },
    { 13, "MLP_DIM = 1024" },
    { 16, "NUM_EXPERTS = 32" },
    { 18, "NUM_ENCODER_SPARSE_LAYERS = 2" },
    { 19, "NUM_DECODER_SPARSE_LAYERS = 2" },
    { 0, NULL },
};

static const struct gin_known_line file_17[] = {
    { 5, "include 'flaxformer/t5x/configs/moe/models/tokens_choose_base.gin'" },
    { 8, "NUM_ENCODER_LAYERS = 2" },
    { 9, "NUM_DECODER_LAYERS = 2" },
    { 10, "NUM_HEADS = 6" },
    { 11, "HEAD_DIM = 64" },
    { 12, "EMBED_DIM = 32" },
    { 13, "MLP_DIM = 64" },
    { 16, "NUM_EXPERTS = 8" },
    { 18, "NUM_ENCODER_SPARSE_LAYERS = 1" },
    { 19, "NUM_DECODER_SPARSE_LAYERS = 1" },
    { 0, NULL },
};

static const struct gin_known_line file_18[] = {
    { 7, "include 'flaxformer/t5x/configs/moe/models/tokens_choose_base.gin'" },
    { 10, "NUM_ENCODER_LAYERS = 24" },
    { 11, "NUM_DECODER_LAYERS = 24" },
    { 12, "NUM_HEADS = 32" },
    { 13, "HEAD_DIM = 64" },
    { 14, "EMBED_DIM = 2048" },
    { 15, "MLP_DIM = 5120" },
    { 18, "NUM_EXPERTS = 64" },
    { 20, "NUM_ENCODER_SPARSE_LAYERS = 6" },
    { 21, "NUM_DECODER_SPARSE_LAYERS = 6" },
    { 0, NULL },
};

static const struct gin_known_line file_19[] = {
    { 7, "include 'flaxformer/t5x/configs/moe/models/tokens_choose_base.gin'" },
    { 10, "NUM_ENCODER_LAYERS = 24" },
    { 11, "NUM_DECODER_LAYERS = 24" },
    { 12, "NUM_HEADS = 64" },
    { 13, "HEAD_DIM = 64" },
    { 14, "EMBED_DIM = 4096" },
    { 15, "MLP_DIM = 10240" },
    { 18, "NUM_EXPERTS = 64" },
    { 20, "NUM_ENCODER_SPARSE_LAYERS = 6" },
    { 21, "NUM_DECODER_SPARSE_LAYERS = 6" },
    { 0, NULL },
};

static const struct gin_known_line file_23[] = {
    { 6, "include 't5x/configs/runs/export.gin'" },
    { 0, NULL },
};

static const struct gin_known_line file_29[] = {
    { 23, "include 't5x/contrib/moe/configs/runs/pretrain.gin'" },
    { 0, NULL },
};

static const struct gin_known_line file_30[] = {
    { 28, "include 't5x/configs/runs/eval.gin'" },
    { 0, NULL },
};

static const struct gin_known_line file_31[] = {
    { 23, "include 't5x/configs/runs/export.gin'" },
    { 0, NULL },
};

static const struct gin_known_line file_32[] = {
    { 17, "include 't5x/contrib/moe/configs/runs/export.gin'" },
    { 0, NULL },
};

static const struct gin_known_line file_33[] = {
    { 35, "include 't5x/configs/runs/finetune.gin'" },
    { 0, NULL },
};

static const struct gin_known_line file_34[] = {
    { 29, "include 't5x/configs/runs/infer.gin'" },
    { 0, NULL },
};

static const struct gin_known_line file_35[] = {
    { 28, "include 't5x/configs/runs/infer_from_tfexample_file.gin'" },
    { 0, NULL },
};

static const struct gin_known_line file_36[] = {
    { 26, "include 't5x/configs/runs/precompile.gin'" },
    { 0, NULL },
};

static const struct gin_known_line file_37[] = {
    { 34, "include 't5x/configs/runs/pretrain.gin'" },
    { 0, NULL },
};

static const struct gin_known_line file_38[] = {
    { 15, "include 't5x/contrib/moe/configs/runs/continue_pretrain.gin'" },
    { 0, NULL },
};

const struct gin_known_file gin_known_moe[] = {
    { "flaxformer/t5x/configs/moe/architectures/moe.gin", file_0 },
    { "flaxformer/t5x/configs/moe/models/experts_choose_base.gin", file_1 },
    { "flaxformer/t5x/configs/moe/models/experts_choose_large.gin", file_2 },
    { "flaxformer/t5x/configs/moe/models/experts_choose_small.gin", file_3 },
    { "flaxformer/t5x/configs/moe/models/experts_choose_tiny.gin", file_4 },
    { "flaxformer/t5x/configs/moe/models/experts_choose_xl.gin", file_5 },
    { "flaxformer/t5x/configs/moe/models/experts_choose_xxl.gin", file_6 },
    { "flaxformer/t5x/configs/moe/models/st_moe_32b.gin", file_7 },
    { "flaxformer/t5x/configs/moe/models/st_moe_base.gin", file_8 },
    { "flaxformer/t5x/configs/moe/models/st_moe_xl.gin", file_9 },
    { "flaxformer/t5x/configs/moe/models/switch_base.gin", file_10 },
    { "flaxformer/t5x/configs/moe/models/switch_c.gin", file_11 },
    { "flaxformer/t5x/configs/moe/models/switch_large.gin", file_12 },
    { "flaxformer/t5x/configs/moe/models/switch_xxl.gin", file_13 },
    { "flaxformer/t5x/configs/moe/models/tokens_choose_base.gin", file_14 },
    { "flaxformer/t5x/configs/moe/models/tokens_choose_large.gin", file_15 },
    { "flaxformer/t5x/configs/moe/models/tokens_choose_small.gin", file_16 },
    { "flaxformer/t5x/configs/moe/models/tokens_choose_tiny.gin", file_17 },
    { "flaxformer/t5x/configs/moe/models/tokens_choose_xl.gin", file_18 },
    { "flaxformer/t5x/configs/moe/models/tokens_choose_xxl.gin", file_19 },
    { "flaxformer/t5x/configs/moe/runs/scan.gin", nothing },
    { "t5x/configs/runs/eval.gin", nothing },
    { "t5x/configs/runs/export.gin", nothing },
    { "t5x/configs/runs/export_seqio.gin", file_23 },
    { "t5x/configs/runs/finetune.gin", nothing },
    { "t5x/configs/runs/infer.gin", nothing },
    { "t5x/configs/runs/infer_from_tfexample_file.gin", nothing },
    { "t5x/configs/runs/precompile.gin", nothing },
    { "t5x/configs/runs/pretrain.gin", nothing },
    { "t5x/contrib/moe/configs/runs/continue_pretrain.gin", file_29 },
    { "t5x/contrib/moe/configs/runs/eval.gin", file_30 },
    { "t5x/contrib/moe/configs/runs/export.gin", file_31 },
    { "t5x/contrib/moe/configs/runs/export_seqio.gin", file_32 },
    { "t5x/contrib/moe/configs/runs/finetune.gin", file_33 },
    { "t5x/contrib/moe/configs/runs/infer.gin", file_34 },
    { "t5x/contrib/moe/configs/runs/infer_from_tfexample_file.gin", file_35 },
    { "t5x/contrib/moe/configs/runs/precompile.gin", file_36 },
    { "t5x/contrib/moe/configs/runs/pretrain.gin", file_37 },
    { "t5x/contrib/moe/configs/runs/sparse_upcycle.gin", file_38 },
    { NULL, NULL },
};
