#include "supernet/checkpoint/torch_checkpoint.h"

#include <fmt/format.h>

#include "core/errors.h"
#include "supernet/checkpoint/distiller.h"
#include "supernet/checkpoint/fairseq.h"
#include "supernet/checkpoint/whisper.h"

namespace concertina {
namespace {

LayoutMap tensors_at(const TorchFile& file, const char* key) {
  const PickleValue* state = file.root().find(key);
  return state == nullptr ? LayoutMap() : file.tensors(*state);
}

// Students whose files have no sizes, or names that we do not know.
void reject_students(const TorchFile& file, const LayoutMap& tensors, const std::string& name) {
  const auto first = tensors.lower_bound("student_model.");
  if (first != tensors.end() && first->first.starts_with("student_model.")) {
    throw InputError(fmt::format(
        "{} holds a student under 'student_model.', as FitHuBERT and ARMHuBERT train it, without "
        "its settings: they are in the training's YAML file, which is not read",
        name));
  }
  const PickleValue* config = file.root().find("config");
  if (config != nullptr && config->find("extractor_conv_layer_config") != nullptr) {
    throw InputError(fmt::format(
        "{} holds a model of torchaudio's kind ('config' with extractor_conv_layer_config), such "
        "as DPHuBERT, which is not read",
        name));
  }
}

}  // namespace

TorchCheckpoint read_torch_checkpoint(const TorchFile& file, const std::string& name) {
  for (const char* key : {"model", "model_weight"}) {
    LayoutMap tensors = tensors_at(file, key);
    if (!tensors.empty()) {
      return {fairseq_model(Settings::from_pickle(file.root(), name)), std::move(tensors)};
    }
  }
  if (LayoutMap tensors = tensors_at(file, "Distiller"); !tensors.empty()) {
    const PickleValue none;
    const PickleValue* config = file.root().find("Config");
    return {distiller_model(Settings::from_pickle(config == nullptr ? none : *config, name)),
            std::move(tensors)};
  }
  if (LayoutMap tensors = tensors_at(file, "model_state_dict"); !tensors.empty()) {
    return {openai_whisper(Settings::from_pickle(file.root(), name)), std::move(tensors)};
  }
  LayoutMap tensors = state_dict_of(file);
  if (tensors.empty()) {
    throw InputError(fmt::format(
        "{} holds no tensors by name: expected a state dict, or one under 'model'", name));
  }
  reject_students(file, tensors, name);
  return {std::nullopt, std::move(tensors)};
}

LayoutMap state_dict_of(const TorchFile& file) {
  const PickleValue* state = file.root().find("state_dict");
  return file.tensors(state == nullptr ? file.root() : *state);
}

}  // namespace concertina
