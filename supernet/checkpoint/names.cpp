#include "supernet/checkpoint/names.h"

#include <algorithm>
#include <utility>

namespace concertina {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

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

WeightNormNames names_written(Naming naming) {
  return naming == Naming::kTransformers ? WeightNormNames::kParametrization
                                         : WeightNormNames::kHook;
}

}  // namespace

std::string foreign_name(const TensorId& tensor, Naming naming) {
  return tensor_name(tensor, naming, names_written(naming));
}

std::string other_spelling(const TensorId& tensor, Naming naming) {
  const bool hook = names_written(naming) == WeightNormNames::kHook;
  return tensor_name(tensor, naming,
                     hook ? WeightNormNames::kParametrization : WeightNormNames::kHook);
}

TensorId with_kept_layers_counted(const TensorId& tensor, const Architecture& architecture) {
  TensorId counted = tensor;
  if (is_per_encoder_layer(tensor.module())) {
    const auto& layers = architecture.layers();
    const auto layer = std::ranges::find(layers, tensor.index, &LayerShape::index);
    counted.index = static_cast<int32_t>(layer - layers.begin());
  }
  return counted;
}

std::string task_prefix(const LayoutMap& tensors) {
  for (const auto& [name, layout] : tensors) {
    for (const std::string_view prefix : kPrefixes) {
      if (name.starts_with(prefix)) return std::string(prefix);
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
