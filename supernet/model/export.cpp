#include "supernet/model/export.h"

#include <fmt/format.h>

#include "core/errors.h"
#include "core/files.h"
#include "supernet/checkpoint/expressible.h"
#include "supernet/checkpoint/fairseq.h"
#include "supernet/checkpoint/names.h"
#include "supernet/checkpoint/transformers.h"
#include "supernet/checkpoint/whisper.h"
#include "supernet/container/torch_writer.h"
#include "supernet/model/foreign_space.h"
#include "supernet/model/mapped_tensor.h"
#include "supernet/model/model_file.h"
#include "supernet/model/safetensors.h"

namespace concertina {
namespace {

// A tensor that both packages keep and our model may lack: the positional conv is a weight norm
// there, and transformers always has a projection.
at::Tensor tensor_made_for_package(const TensorEntry& entry, const TensorMap& tensors) {
  const at::Tensor plain =
      entry.id.module() == TensorModule::kPositionalConv
          ? tensors.at(tensor_name(TensorModule::kPositionalConv, TensorPart::kWeight))
          : at::Tensor();
  switch (entry.id.part) {
    case TensorPart::kScale:
      return plain.norm(2, at::IntArrayRef{0, 1}, true);
    case TensorPart::kDirection:
      return plain;
    case TensorPart::kWeight:
      return at::eye(entry.sizes().front());
    default:
      return at::zeros(entry.sizes().front());
  }
}

// One architecture's tensors under a package's names, layers counted from 0.
TensorMap foreign_tensors(const Supernet& model, const Architecture& architecture, Naming naming,
                          at::ScalarType matrices) {
  const std::string problems = not_expressible(model.blueprint(), architecture, naming);
  if (!problems.empty()) {
    throw InputError(fmt::format(
        "architecture '{}' cannot be exported to {}, which does not support {}", architecture.key(),
        naming == Naming::kFairseq ? "fairseq" : "transformers", problems));
  }
  const bool whisper = is_whisper(model.blueprint());
  const Supernet one = model.extract(architecture);
  const TensorMap ours = with_matrices_as(one, one.weights(), matrices);
  Blueprint theirs = model.blueprint();
  theirs.positional.weight_norm = !whisper;
  if (naming == Naming::kTransformers) theirs.projection = true;
  TensorMap renamed;
  for (const TensorEntry& entry : tensor_table(theirs, architecture)) {
    const auto found = ours.find(tensor_name(entry.id));
    const at::Tensor tensor =
        found != ours.end() ? found->second : tensor_made_for_package(entry, one.weights());
    renamed[foreign_name(with_kept_layers_counted(entry.id, architecture),
                         whisper ? Naming::kFairseq : naming)] = tensor.detach().cpu().contiguous();
  }
  return renamed;
}

// The tensors of a WhisperEncoder: transformers has no mask embedding, and no prefix in a model that
// is the encoder alone.
TensorMap whisper_tensors(const Supernet& model, const Architecture& architecture,
                          at::ScalarType matrices) {
  static constexpr std::string_view kPrefix = "encoder.";
  TensorMap renamed;
  for (auto& [name, tensor] :
       foreign_tensors(model, architecture, Naming::kTransformers, matrices)) {
    if (name.starts_with(kPrefix)) renamed[name.substr(kPrefix.size())] = std::move(tensor);
  }
  return renamed;
}

void put(TorchWriter& writer, const Setting& value) {
  if (const auto* flag = std::get_if<bool>(&value)) {
    writer.boolean(*flag);
  } else if (const auto* number = std::get_if<int64_t>(&value)) {
    writer.integer(*number);
  } else {
    writer.text(std::get<std::string>(value));
  }
}

}  // namespace

void export_transformers(const Supernet& model, const Architecture& architecture,
                         const std::filesystem::path& folder, at::ScalarType matrices) {
  const Blueprint& blueprint = model.blueprint();
  const bool whisper = is_whisper(blueprint);
  const TensorMap tensors =
      whisper ? whisper_tensors(model, architecture, matrices)
              : foreign_tensors(model, architecture, Naming::kTransformers, matrices);
  make_directories(folder);
  write_safetensors(folder / "model.safetensors", tensors, {{"format", "pt"}});
  write_atomically(folder / "config.json", whisper ? whisper_config(blueprint, architecture)
                                                   : transformers_config(blueprint, architecture));
  write_atomically(folder / "preprocessor_config.json", whisper
                                                            ? whisper_preprocessor(blueprint)
                                                            : transformers_preprocessor(blueprint));
}

void export_fairseq(const Supernet& model, const Architecture& architecture,
                    const std::filesystem::path& path, at::ScalarType matrices) {
  const TensorMap tensors = foreign_tensors(model, architecture, Naming::kFairseq, matrices);
  TorchWriter writer;
  writer.begin_dict();
  writer.text("cfg");
  writer.begin_dict();
  writer.text("model");
  writer.begin_dict();
  for (const auto& [key, value] :
       fairseq_settings(model.blueprint(), architecture, lighthubert_space(model.space()))) {
    writer.text(key);
    put(writer, value);
  }
  writer.end_dict();
  writer.text("task");
  writer.begin_dict();
  writer.text("normalize");
  writer.boolean(model.blueprint().normalize_waveform);
  writer.end_dict();
  writer.end_dict();
  writer.text("model");
  writer.begin_dict();
  for (const auto& [name, tensor] : tensors) {
    writer.text(name);
    writer.tensor(dtype_of(tensor.scalar_type()), tensor.sizes().vec(),
                  {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()});
  }
  writer.end_dict();
  writer.end_dict();
  std::move(writer).write_to(path);
}

}  // namespace concertina
