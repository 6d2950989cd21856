#include "supernet/checkpoint/names.h"

#include <array>
#include <utility>

namespace concertina {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

constexpr Pair kStarts[] = {{"layer_norm.", "feature_projection.layer_norm."},
                            {"post_extract_proj.", "feature_projection.projection."},
                            {"encoder.pos_conv.0.", "encoder.pos_conv_embed.conv."}};
constexpr Pair kLayerParts[] = {{"self_attn_layer_norm.", "layer_norm."},
                                {"self_attn.relative_attention_bias.", "attention.rel_attn_embed."},
                                {"self_attn.grep_linear.", "attention.gru_rel_pos_linear."},
                                {"self_attn.grep_a", "attention.gru_rel_pos_const"},
                                {"self_attn.", "attention."},
                                {"fc1.", "feed_forward.intermediate_dense."},
                                {"fc2.", "feed_forward.output_dense."}};
constexpr Pair kConvParts[] = {{"0.", "conv."}, {"2.1.", "layer_norm."}, {"2.", "layer_norm."}};
constexpr Pair kWeightNorm[] = {{"weight_g", "parametrizations.weight.original0"},
                                {"weight_v", "parametrizations.weight.original1"}};
constexpr std::string_view kPrefixes[] = {"hubert.", "wav2vec2.", "wavlm.",
                                          "w2v_encoder.w2v_model."};
constexpr Pair kIgnored[] = {{"final_proj.", "projection onto label embeddings in pretraining"},
                             {"label_embs_concat", "label embeddings of pretraining"},
                             {"layer_pred_heads.", "prediction head of distillation"},
                             {"output_layer.", "prediction heads of distillation"},
                             {"task_embedding.", "embedding of the layers that heads predict"},
                             {"quantizer.", "quantiser of pretraining"},
                             {"project_q.", "projection of pretraining"},
                             {"project_hid.", "projection of pretraining"},
                             {"lm_head.", "head of a task"},
                             {"projector.", "head of a task"},
                             {"classifier.", "head of a task"}};

// `rest` with the first fitting start replaced, or as it is.
template <size_t N>
std::string with_start(std::string_view rest, const Pair (&pairs)[N]) {
  for (const auto& [ours, theirs] : pairs) {
    if (rest.starts_with(ours)) {
      return std::string(theirs) + std::string(rest.substr(ours.size()));
    }
  }
  return std::string(rest);
}

// "GROUP.INDEX.REST": the name of REST in their group.
template <size_t N>
std::string numbered(std::string_view name, std::string_view group, const Pair (&pairs)[N]) {
  const size_t dot = name.find('.', group.size());
  if (dot == std::string_view::npos) return std::string(name);
  return std::string(name.substr(0, dot + 1)) + with_start(name.substr(dot + 1), pairs);
}

}  // namespace

std::string foreign_name(const std::string& ours, Naming naming) {
  if (naming == Naming::kFairseq) return ours;
  constexpr std::string_view kLayers = "encoder.layers.";
  constexpr std::string_view kConvs = "feature_extractor.conv_layers.";
  if (ours == "mask_emb") return "masked_spec_embed";
  if (ours.starts_with(kLayers)) return numbered(ours, kLayers, kLayerParts);
  if (ours.starts_with(kConvs)) return numbered(ours, kConvs, kConvParts);
  const std::string name = with_start(ours, kStarts);
  const std::string parametrized = other_spelling(name);
  return parametrized.empty() ? name : parametrized;
}

std::string task_prefix(const LayoutMap& tensors) {
  for (const auto& [name, layout] : tensors) {
    for (const std::string_view prefix : kPrefixes) {
      if (name.starts_with(prefix)) return std::string(prefix);
    }
  }
  return "";
}

std::string other_spelling(std::string_view name) {
  for (const auto& [plain, parametrized] : kWeightNorm) {
    for (const auto& [from, to] : {Pair{plain, parametrized}, Pair{parametrized, plain}}) {
      if (name.ends_with(from)) {
        return std::string(name.substr(0, name.size() - from.size())) + std::string(to);
      }
    }
  }
  return "";
}

std::string why_ignored(std::string_view name) {
  for (const auto& [start, why] : kIgnored) {
    if (name.starts_with(start)) return std::string(why);
  }
  return "";
}

}  // namespace concertina
