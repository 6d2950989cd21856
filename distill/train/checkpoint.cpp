#include "distill/train/checkpoint.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

#include "core/errors.h"
#include "core/files.h"
#include "core/log.h"
#include "core/memory.h"
#include "supernet/model/safetensors.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

const std::string kWeights = "weight/", kFirst = "first_moment/", kSecond = "second_moment/",
                  kUpdates = "updates/", kState = "state/";
constexpr const char* kVersion = "3";

std::vector<fs::path> checkpoints_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("step-") && name.ends_with(".safetensors")) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

at::Tensor part(const at::Tensor& flat, const Parameter& parameter) {
  int64_t count = 1;
  for (int64_t size : parameter.sizes) count *= size;
  return flat.narrow(0, parameter.offset, count).view(parameter.sizes);
}

TensorMap pack(const Parameters& parameters, const OptimizerState& optimizer,
               const TensorMap& state) {
  TensorMap tensors;
  for (const auto& [name, tensor] : state) tensors[kState + name] = tensor.to(at::kCPU);
  for (const Parameter& p : parameters.list()) {
    tensors[kWeights + p.name] = parameters.views().at(p.name).to(at::kCPU);
    tensors[kFirst + p.name] = part(optimizer.first_moment, p).to(at::kCPU);
    tensors[kSecond + p.name] = part(optimizer.second_moment, p).to(at::kCPU);
    tensors[kUpdates + p.name] = part(optimizer.updates, p).to(at::kCPU);
  }
  return tensors;
}

void copy_from(const TensorMap& tensors, const std::string& name, at::Tensor into,
               const fs::path& path) {
  const auto found = tensors.find(name);
  if (found == tensors.end() || found->second.sizes() != into.sizes()) {
    throw InputError(
        fmt::format("{}: {} is missing or has another shape than this run's", path.string(), name));
  }
  const at::Tensor& from = found->second;
  if (!into.is_cpu() || into.dtype() != from.dtype()) {
    into.copy_(from);
    return;
  }
  CONCERTINA_ASSERT(into.is_contiguous() && from.is_contiguous());
  copy_differing(into.data_ptr(), from.const_data_ptr(), from.nbytes());
}

struct Checkpoint {
  fs::path path;
  SafetensorsFile file;
  nlohmann::json state;
};

struct OtherVersion : InputError {
  using InputError::InputError;
};

Checkpoint read_checkpoint(const fs::path& path) {
  Checkpoint checkpoint{path, read_safetensors(path), {}};
  const auto& metadata = checkpoint.file.metadata;
  const auto state = metadata.find("state");
  if (state != metadata.end())
    checkpoint.state = nlohmann::json::parse(state->second, nullptr, false);
  if (!checkpoint.state.is_object() ||
      !checkpoint.state.value("step", nlohmann::json()).is_number_integer()) {
    throw InputError(fmt::format("{} is not a training checkpoint", path.string()));
  }
  const auto version = metadata.find("version");
  if (version != metadata.end() && version->second != "2" && version->second != kVersion) {
    throw OtherVersion(fmt::format(
        "{} has checkpoint version {}, which this program does not read (it reads 1 to {}): resume "
        "with the program that wrote it",
        path.string(), version->second, kVersion));
  }
  return checkpoint;
}

void set_aside_damaged(const fs::path& path, const std::string& why) {
  fs::path damaged = path;
  damaged += ".damaged";
  std::error_code error;
  fs::rename(path, damaged, error);
  if (error) throw InputError(why);
  log_warn("{}: moved to {}", why, damaged.filename().string());
}

std::optional<Checkpoint> newest_readable(std::vector<fs::path> paths) {
  std::string why;
  for (; !paths.empty(); paths.pop_back()) {
    try {
      return read_checkpoint(paths.back());
    } catch (const OtherVersion&) {
      throw;  // nothing is wrong with the file
    } catch (const InputError& error) {
      why = error.what();
      set_aside_damaged(paths.back(), why);
    }
  }
  if (!why.empty()) throw InputError(why + "; no checkpoint is left to resume from");
  return std::nullopt;
}

fs::path clock_file(const fs::path& folder) { return folder / "clock.json"; }

double read_clock(const fs::path& folder) {
  if (!fs::exists(clock_file(folder))) return 0;
  const nlohmann::json json = nlohmann::json::parse(read_text(clock_file(folder)), nullptr, false);
  return json.is_object() ? json.value("wall_s", 0.0) : 0;
}

// Version 1 counted the updates of the whole model.
void restore_updates(const Checkpoint& checkpoint, const Parameters& parameters,
                     const OptimizerState& optimizer) {
  if (checkpoint.file.metadata.contains("version")) {
    for (const Parameter& p : parameters.list()) {
      copy_from(checkpoint.file.tensors, kUpdates + p.name, part(optimizer.updates, p),
                checkpoint.path);
    }
    return;
  }
  at::Tensor updates = optimizer.updates;
  updates.fill_(std::min(checkpoint.state.at("updates").get<int64_t>(), AdamW::kMaxUpdates));
}

}  // namespace

CheckpointFolder::CheckpointFolder(fs::path folder, std::string fingerprint, int32_t keep)
    : folder_(std::move(folder)), fingerprint_(std::move(fingerprint)), keep_(keep) {}

bool CheckpointFolder::empty() const { return checkpoints_in(folder_).empty(); }

void CheckpointFolder::save(const TrainProgress& progress, const Parameters& parameters,
                            const OptimizerState& optimizer, const TensorMap& state) const {
  save_keeping_older(progress, parameters, optimizer, state);
  std::vector<fs::path> old = checkpoints_in(folder_);
  old.resize(old.size() - std::min<size_t>(old.size(), static_cast<size_t>(keep_)));
  std::error_code ignored;
  for (const fs::path& each : old) fs::remove(each, ignored);
}

void CheckpointFolder::save_keeping_older(const TrainProgress& progress,
                                          const Parameters& parameters,
                                          const OptimizerState& optimizer,
                                          const TensorMap& state) const {
  make_directories(folder_);
  const fs::path path = folder_ / fmt::format("step-{:09}.safetensors", progress.state.step);
  write_safetensors(path, pack(parameters, optimizer, state),
                    {{"format", "pt"},
                     {"kind", "checkpoint"},
                     {"version", kVersion},
                     {"state", to_json(progress.state)},
                     {"recipe", fingerprint_}});
  write_atomically(clock_file(folder_), nlohmann::json{{"wall_s", progress.wall_s}}.dump() + "\n");
}

std::optional<TrainProgress> CheckpointFolder::restore(const Parameters& parameters,
                                                       const OptimizerState& optimizer,
                                                       TensorMap* objective_state) const {
  remove_leftovers(folder_);
  const std::optional<Checkpoint> checkpoint = newest_readable(checkpoints_in(folder_));
  if (!checkpoint) return std::nullopt;
  const auto& [path, file, state] = *checkpoint;
  at::NoGradGuard no_grad;
  for (const Parameter& p : parameters.list()) {
    copy_from(file.tensors, kWeights + p.name, parameters.views().at(p.name), path);
    copy_from(file.tensors, kFirst + p.name, part(optimizer.first_moment, p), path);
    copy_from(file.tensors, kSecond + p.name, part(optimizer.second_moment, p), path);
  }
  if (objective_state != nullptr) {
    for (const auto& [name, tensor] : file.tensors) {
      if (name.starts_with(kState)) (*objective_state)[name.substr(kState.size())] = tensor.clone();
    }
  }
  try {
    restore_updates(*checkpoint, parameters, optimizer);
    return TrainProgress{parse_train_state(state.dump()), read_clock(folder_)};
  } catch (const nlohmann::json::exception&) {
    throw InputError(fmt::format("{} is not a training checkpoint", path.string()));
  }
}

std::optional<CheckpointFolder::Newest> CheckpointFolder::newest() const {
  const std::optional<Checkpoint> checkpoint = newest_readable(checkpoints_in(folder_));
  if (!checkpoint) return std::nullopt;
  const auto& metadata = checkpoint->file.metadata;
  const auto fingerprint = metadata.find("recipe");
  return Newest{fingerprint == metadata.end() ? "" : fingerprint->second,
                checkpoint->state.at("step").get<int64_t>()};
}

}  // namespace concertina
