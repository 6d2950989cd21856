#include "distill/checkpoint.h"

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
using Json = nlohmann::json;

const std::string kWeights = "weight/", kFirst = "first_moment/", kSecond = "second_moment/",
                  kUpdates = "updates/";
constexpr const char* kVersion = "2";

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

TensorMap pack(const Parameters& parameters, const AdamW& optimizer) {
  TensorMap tensors;
  for (const Parameter& p : parameters.list()) {
    tensors[kWeights + p.name] = parameters.views().at(p.name).to(at::kCPU);
    tensors[kFirst + p.name] = part(optimizer.first_moment(), p).to(at::kCPU);
    tensors[kSecond + p.name] = part(optimizer.second_moment(), p).to(at::kCPU);
    tensors[kUpdates + p.name] = part(optimizer.updates(), p).to(at::kCPU);
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

Json json_of(const TrainState& state) {
  return {{"step", state.step},
          {"audio_s", state.audio_s},
          {"mean_loss", state.mean_loss},
          {"skipped", state.skipped},
          {"bad_in_a_row", state.bad_in_a_row},
          {"best_step", state.best_step},
          {"best_loss", state.best_loss}};
}

TrainState state_of(const Json& json) {
  TrainState state;
  state.step = json.at("step").get<int64_t>();
  state.audio_s = json.at("audio_s").get<double>();
  state.mean_loss = json.value("mean_loss", 0.0);
  state.skipped = json.at("skipped").get<int64_t>();
  state.bad_in_a_row = json.at("bad_in_a_row").get<int64_t>();
  state.best_step = json.value("best_step", int64_t{0});
  state.best_loss = json.value("best_loss", 0.0);
  return state;
}

struct Checkpoint {
  fs::path path;
  SafetensorsFile file;
  Json state;
};

Checkpoint read_checkpoint(const fs::path& path) {
  Checkpoint checkpoint{path, read_safetensors(path), {}};
  const auto& metadata = checkpoint.file.metadata;
  const auto state = metadata.find("state");
  if (state != metadata.end()) checkpoint.state = Json::parse(state->second, nullptr, false);
  if (!checkpoint.state.is_object() || !checkpoint.state.contains("step")) {
    throw InputError(fmt::format("{} is not a training checkpoint", path.string()));
  }
  const auto version = metadata.find("version");
  if (version != metadata.end() && version->second != kVersion) {
    throw InputError(fmt::format("{} has checkpoint version {}: this program reads 1 and {}",
                                 path.string(), version->second, kVersion));
  }
  return checkpoint;
}

void put_aside(const fs::path& path, const std::string& why) {
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
    } catch (const InputError& error) {
      why = error.what();
      put_aside(paths.back(), why);
    }
  }
  if (!why.empty()) throw InputError(why + "; no checkpoint is left to go on from");
  return std::nullopt;
}

fs::path clock_file(const fs::path& folder) { return folder / "clock.json"; }

double read_clock(const fs::path& folder) {
  if (!fs::exists(clock_file(folder))) return 0;
  const Json json = Json::parse(read_text(clock_file(folder)), nullptr, false);
  return json.is_object() ? json.value("wall_s", 0.0) : 0;
}

// Version 1 counted the steps of the whole model and kept the time spent with them.
void restore_updates(const Checkpoint& checkpoint, const Parameters& parameters, AdamW& optimizer) {
  if (checkpoint.file.metadata.contains("version")) {
    for (const Parameter& p : parameters.list()) {
      copy_from(checkpoint.file.tensors, kUpdates + p.name, part(optimizer.updates(), p),
                checkpoint.path);
    }
    return;
  }
  at::Tensor updates = optimizer.updates();
  updates.fill_(std::min(checkpoint.state.at("updates").get<int64_t>(), AdamW::kMostUpdates));
}

}  // namespace

CheckpointFolder::CheckpointFolder(fs::path folder, std::string recipe, int32_t keep)
    : folder_(std::move(folder)), recipe_(std::move(recipe)), keep_(keep) {}

bool CheckpointFolder::empty() const { return checkpoints_in(folder_).empty(); }

void CheckpointFolder::save(const Progressed& progress, const Parameters& parameters,
                            const AdamW& optimizer) const {
  make_directories(folder_);
  const fs::path path = folder_ / fmt::format("step-{:09}.safetensors", progress.state.step);
  write_safetensors(path, pack(parameters, optimizer),
                    {{"format", "pt"},
                     {"kind", "checkpoint"},
                     {"version", kVersion},
                     {"state", json_of(progress.state).dump()},
                     {"recipe", recipe_}});
  write_atomically(clock_file(folder_), Json{{"wall_s", progress.wall_s}}.dump() + "\n");
  std::vector<fs::path> old = checkpoints_in(folder_);
  old.resize(old.size() - std::min<size_t>(old.size(), static_cast<size_t>(keep_)));
  std::error_code ignored;
  for (const fs::path& each : old) fs::remove(each, ignored);
}

std::optional<Progressed> CheckpointFolder::restore(const Parameters& parameters,
                                                    AdamW& optimizer) const {
  remove_leftovers(folder_);
  const std::optional<Checkpoint> checkpoint = newest_readable(checkpoints_in(folder_));
  if (!checkpoint) return std::nullopt;
  const auto& [path, file, state] = *checkpoint;
  at::NoGradGuard no_grad;
  for (const Parameter& p : parameters.list()) {
    copy_from(file.tensors, kWeights + p.name, parameters.views().at(p.name), path);
    copy_from(file.tensors, kFirst + p.name, part(optimizer.first_moment(), p), path);
    copy_from(file.tensors, kSecond + p.name, part(optimizer.second_moment(), p), path);
  }
  try {
    restore_updates(*checkpoint, parameters, optimizer);
    return Progressed{state_of(state), read_clock(folder_)};
  } catch (const Json::exception&) {
    throw InputError(fmt::format("{} is not a training checkpoint", path.string()));
  }
}

bool CheckpointFolder::foreign() const {
  const std::optional<Checkpoint> checkpoint = newest_readable(checkpoints_in(folder_));
  if (!checkpoint) return false;
  const auto& metadata = checkpoint->file.metadata;
  const auto recipe = metadata.find("recipe");
  return recipe == metadata.end() || recipe->second != recipe_;
}

fs::path CheckpointFolder::set_aside() const {
  fs::path aside = folder_;
  aside += ".old";
  for (int32_t n = 2; fs::exists(aside); ++n) {
    aside = folder_;
    aside += fmt::format(".old{}", n);
  }
  std::error_code error;
  fs::rename(folder_, aside, error);
  if (error) {
    throw SystemError(
        fmt::format("cannot move {} out of the way: {}", folder_.string(), error.message()));
  }
  return aside;
}

}  // namespace concertina
