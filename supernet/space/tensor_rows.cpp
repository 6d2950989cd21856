#include "supernet/space/tensor_rows.h"

namespace concertina {
namespace {

using enum TensorModule;
using enum AxisSize;
using enum TensorInit;
using Form = RowForm;
using Layer = LayerOfModel;

constexpr auto kOnce = RowRepeat::kOnce;
constexpr auto kConvs = RowRepeat::kConvLayers;
constexpr auto kLayers = RowRepeat::kEncoderLayers;

// Which models have a row.
bool always(const Layer& /*at*/) { return true; }
bool has_mel(const Layer& at) { return at.blueprint.front_end == FrontEndKind::kLogMel; }
bool has_convs(const Layer& at) { return at.blueprint.front_end == FrontEndKind::kWave; }
bool has_stem(const Layer& at) { return at.blueprint.front_end == FrontEndKind::kWhisper; }
bool has_layer_norms(const Layer& at) {
  return has_convs(at) && at.blueprint.wave.norm == ExtractorNorm::kLayer;
}
bool has_group_norm(const Layer& at) {
  return has_convs(at) && at.blueprint.wave.norm == ExtractorNorm::kGroup && at.index == 0;
}
bool has_feature_scale(const Layer& at) { return has_convs(at) && at.blueprint.wave.feature_scale; }
bool has_feature_norm(const Layer& at) { return has_convs(at) && at.blueprint.wave.feature_norm; }
bool has_projection(const Layer& at) { return at.blueprint.has_projection(); }
bool has_positional_conv(const Layer& at) { return at.blueprint.positional.kernel > 0; }
bool has_positions(const Layer& at) { return at.blueprint.position_embeddings > 0; }
bool has_rate_unit_of(const Layer& at, RateKind kind) {
  return at.blueprint.rate == kind && has_rate_unit(at.blueprint, at.architecture);
}
bool has_cif(const Layer& at) { return has_rate_unit_of(at, RateKind::kCif); }
bool has_conv_join(const Layer& at) { return has_rate_unit_of(at, RateKind::kConv); }
bool has_linear_join(const Layer& at) { return has_rate_unit_of(at, RateKind::kLinear); }
bool has_position_table(const Layer& at) {
  return at.blueprint.relative_position.buckets > 0 &&
         most_mapping_heads(at.blueprint, at.architecture) > 0;
}
bool has_attention(const Layer& at) { return at.layer->heads > 0; }
bool has_own_map(const Layer& at) {
  return has_attention(at) && !at.blueprint.reuses_attention(at.index);
}
bool has_gate(const Layer& at) {
  const RelativePosition& bias = at.blueprint.relative_position;
  return has_own_map(at) && bias.buckets > 0 && bias.gated;
}
bool has_ffn(const Layer& at) { return at.layer->ffn_dim > 0; }

}  // namespace

const std::vector<TensorRow>& tensor_rows() {
  // clang-format off
  static const std::vector<TensorRow> kRows = {
    {kMelMean, kOnce, has_mel, Form::kStatistic, {kMelBins}, kZeros,
     "feature_extractor.mel.mean"},
    {kMelStd, kOnce, has_mel, Form::kStatistic, {kMelBins}, kOnes,
     "feature_extractor.mel.std"},
    {kConv, kConvs, has_convs, Form::kConv, {kConvChannels, kConvInputs, kConvKernel},
     kKaimingNormal,
     "feature_extractor.conv_layers.{}.0", "feature_extractor.conv_layers.{}.conv"},
    {kConvNorm, kConvs, has_layer_norms, Form::kNorm, {kConvChannels}, kOnes,
     "feature_extractor.conv_layers.{}.2.1", "feature_extractor.conv_layers.{}.layer_norm"},
    {kConvNorm, kConvs, has_group_norm, Form::kNorm, {kConvChannels}, kOnes,
     "feature_extractor.conv_layers.{}.2", "feature_extractor.conv_layers.{}.layer_norm"},
    {kFeatureScale, kOnce, has_feature_scale, Form::kStatistic, {kFeatures}, kOnes,
     "feature_extractor.dummy_weight"},
    {kFeatureNorm, kOnce, has_feature_norm, Form::kNorm, {kFeatures}, kOnes,
     "layer_norm", "feature_projection.layer_norm"},

    {kRateConv, kOnce, has_cif, Form::kMatrix, {kRateChannels, kFeatures, kRateConvKernel},
     kXavierUniform, "rate.conv"},
    {kRateNorm, kOnce, has_cif, Form::kNorm, {kRateChannels}, kOnes, "rate.layer_norm"},
    {kRateProjection, kOnce, has_cif, Form::kMatrix, {kOne, kRateChannels}, kXavierUniform,
     "rate.proj"},
    {kJoin, kOnce, has_conv_join, Form::kMatrix, {kEmbed, kEmbed, kJoinedFrames}, kXavierUniform,
     "rate.conv"},
    {kJoin, kOnce, has_linear_join, Form::kMatrix, {kEmbed, kJoinedChannels}, kXavierUniform,
     "rate.linear"},

    {kStemInput, kOnce, has_stem, Form::kMatrix, {kStemChannels, kMelBins, kStemKernel},
     kXavierUniform, "encoder.conv1"},
    {kStemOutput, kOnce, has_stem, Form::kMatrix, {kEmbed, kStemChannels, kStemKernel},
     kXavierUniform, "encoder.conv2"},
    {kProjection, kOnce, has_projection, Form::kMatrix, {kEmbed, kFeatures}, kXavierUniform,
     "post_extract_proj", "feature_projection.projection"},
    {kMaskEmbedding, kOnce, always, Form::kTensor, {kEmbed}, kUniform,
     "mask_emb", "masked_spec_embed"},
    {kPositions, kOnce, has_positions, Form::kStatistic, {kPositionRows, kEmbed}, kSinusoids,
     "encoder.embed_positions.weight"},
    {kPositionalConv, kOnce, has_positional_conv, Form::kWeightNorm,
     {kEmbed, kEmbedOfConvGroup, kPositionalKernel}, kPositionalNormal,
     "encoder.pos_conv.0", "encoder.pos_conv_embed.conv"},
    {kEncoderNorm, kOnce, always, Form::kNorm, {kEmbed}, kOnes, "encoder.layer_norm"},
    {kPositionTable, kOnce, has_position_table, Form::kTensor, {kBuckets, kMappingHeads},
     kXavierUniform,
     "encoder.layers.0.self_attn.relative_attention_bias.weight",
     "encoder.layers.0.attention.rel_attn_embed.weight"},

    {kKey, kLayers, has_own_map, Form::kKey, {kHeadChannels, kEmbed}, kXavierUniform,
     "encoder.layers.{}.self_attn.k_proj", "encoder.layers.{}.attention.k_proj"},
    {kValue, kLayers, has_attention, Form::kMatrix, {kHeadChannels, kEmbed}, kXavierUniform,
     "encoder.layers.{}.self_attn.v_proj", "encoder.layers.{}.attention.v_proj"},
    {kQuery, kLayers, has_own_map, Form::kMatrix, {kHeadChannels, kEmbed}, kXavierUniform,
     "encoder.layers.{}.self_attn.q_proj", "encoder.layers.{}.attention.q_proj"},
    {kAttentionOutput, kLayers, has_attention, Form::kMatrix, {kEmbed, kHeadChannels},
     kXavierUniform,
     "encoder.layers.{}.self_attn.out_proj", "encoder.layers.{}.attention.out_proj"},
    {kPositionGate, kLayers, has_gate, Form::kMatrix, {kGateWidth, kHeadDim}, kXavierUniform,
     "encoder.layers.{}.self_attn.grep_linear", "encoder.layers.{}.attention.gru_rel_pos_linear"},
    {kPositionGateScale, kLayers, has_gate, Form::kTensor, {kOne, kHeads, kOne, kOne}, kOnes,
     "encoder.layers.{}.self_attn.grep_a", "encoder.layers.{}.attention.gru_rel_pos_const"},
    {kAttentionNorm, kLayers, has_attention, Form::kNorm, {kEmbed}, kOnes,
     "encoder.layers.{}.self_attn_layer_norm", "encoder.layers.{}.layer_norm"},
    {kFfnInput, kLayers, has_ffn, Form::kMatrix, {kFfn, kEmbed}, kXavierUniform,
     "encoder.layers.{}.fc1", "encoder.layers.{}.feed_forward.intermediate_dense"},
    {kFfnOutput, kLayers, has_ffn, Form::kMatrix, {kEmbed, kFfn}, kXavierUniform,
     "encoder.layers.{}.fc2", "encoder.layers.{}.feed_forward.output_dense"},
    {kFfnNorm, kLayers, has_ffn, Form::kNorm, {kEmbed}, kOnes,
     "encoder.layers.{}.final_layer_norm"},
  };
  // clang-format on
  return kRows;
}

}  // namespace concertina
