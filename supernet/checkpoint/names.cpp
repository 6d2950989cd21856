#include "supernet/checkpoint/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "supernet/checkpoint/whisper.h"

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

// OpenAI's Whisper; {} stands for the layer.
constexpr std::pair<TensorModule, std::string_view> kOpenAiNames[] = {
    {TensorModule::kStemInput, "encoder.conv1"},
    {TensorModule::kStemOutput, "encoder.conv2"},
    {TensorModule::kPositions, "encoder.positional_embedding"},
    {TensorModule::kEncoderNorm, "encoder.ln_post"},
    {TensorModule::kKey, "encoder.blocks.{}.attn.key"},
    {TensorModule::kValue, "encoder.blocks.{}.attn.value"},
    {TensorModule::kQuery, "encoder.blocks.{}.attn.query"},
    {TensorModule::kAttentionOutput, "encoder.blocks.{}.attn.out"},
    {TensorModule::kAttentionNorm, "encoder.blocks.{}.attn_ln"},
    {TensorModule::kFfnInput, "encoder.blocks.{}.mlp.0"},
    {TensorModule::kFfnOutput, "encoder.blocks.{}.mlp.2"},
    {TensorModule::kFfnNorm, "encoder.blocks.{}.mlp_ln"}};

std::string openai_name(const TensorId& tensor) {
  const auto* found = std::ranges::find(kOpenAiNames, tensor.module(),
                                        &std::pair<TensorModule, std::string_view>::first);
  if (found == std::end(kOpenAiNames)) return tensor_name(tensor);
  std::string name = fmt::format(fmt::runtime(found->second), tensor.index);
  if (tensor.part == TensorPart::kWeight) name += ".weight";
  if (tensor.part == TensorPart::kBias) name += ".bias";
  return name;
}

std::string task_prefix(const LayoutMap& tensors) {
  for (const auto& [name, layout] : tensors) {
    for (const std::string_view prefix : kPrefixes) {
      if (name.starts_with(prefix)) return std::string(prefix);
    }
  }
  return "";
}

WeightNormNames names_written(Naming naming) {
  return naming == Naming::kTransformers ? WeightNormNames::kParametrization
                                         : WeightNormNames::kHook;
}

}  // namespace

std::string foreign_name(const TensorId& tensor, Naming naming) {
  if (naming == Naming::kOpenAi) return openai_name(tensor);
  return tensor_name(tensor, naming, names_written(naming));
}

std::string other_spelling(const TensorId& tensor, Naming naming) {
  if (naming == Naming::kOpenAi) return openai_name(tensor);
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

std::string NamesInFile::operator()(const std::string& name) const {
  return added + (name.starts_with(dropped) ? name.substr(dropped.size()) : name);
}

NamesInFile names_in_file(const LayoutMap& tensors, const Blueprint& blueprint) {
  if (!is_whisper(blueprint)) return {task_prefix(tensors), ""};
  if (tensors.contains("model.encoder.conv1.weight")) return {"model.", ""};
  const bool alone = tensors.contains("conv1.weight") && !tensors.contains("encoder.conv1.weight");
  return {"", alone ? "encoder." : ""};
}

std::string why_ignored(std::string_view name) {
  for (const auto& [start, why] : kIgnored) {
    if (name.starts_with(start)) return std::string(why);
  }
  return "";
}

}  // namespace concertina
