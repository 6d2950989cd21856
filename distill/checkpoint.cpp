#include "distill/checkpoint.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

#include "core/errors.h"
#include "core/files.h"
#include "supernet/model/safetensors.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

const std::string kWeights = "weight/", kFirst = "first_moment/", kSecond = "second_moment/";

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
  into.copy_(found->second);
}

}  // namespace

CheckpointFolder::CheckpointFolder(fs::path folder, std::string recipe)
    : folder_(std::move(folder)), recipe_(std::move(recipe)) {}

std::optional<fs::path> CheckpointFolder::newest() const {
  const auto found = checkpoints_in(folder_);
  return found.empty() ? std::nullopt : std::optional(found.back());
}

bool CheckpointFolder::empty() const { return !newest().has_value(); }

void CheckpointFolder::save(const TrainState& state, const Parameters& parameters,
                            const AdamW& optimizer) const {
  make_directories(folder_);
  const fs::path path = folder_ / fmt::format("step-{:09}.safetensors", state.step);
  const Json json = {{"step", state.step},       {"updates", optimizer.steps_done()},
                     {"audio_s", state.audio_s}, {"wall_s", state.wall_s},
                     {"skipped", state.skipped}, {"bad_in_a_row", state.bad_in_a_row}};
  write_safetensors(
      path, pack(parameters, optimizer),
      {{"format", "pt"}, {"kind", "checkpoint"}, {"state", json.dump()}, {"recipe", recipe_}});
  for (const fs::path& old : checkpoints_in(folder_)) {
    std::error_code ignored;
    if (old != path) fs::remove(old, ignored);
  }
}

std::optional<TrainState> CheckpointFolder::restore(const Parameters& parameters,
                                                    AdamW& optimizer) const {
  const auto path = newest();
  if (!path) return std::nullopt;
  const SafetensorsFile file = read_safetensors(*path);
  at::NoGradGuard no_grad;
  for (const Parameter& p : parameters.list()) {
    copy_from(file.tensors, kWeights + p.name, parameters.views().at(p.name), *path);
    copy_from(file.tensors, kFirst + p.name, part(optimizer.first_moment(), p), *path);
    copy_from(file.tensors, kSecond + p.name, part(optimizer.second_moment(), p), *path);
  }
  try {
    const Json json = Json::parse(file.metadata.at("state"));
    optimizer.set_steps_done(json.at("updates").get<int64_t>());
    TrainState state;
    state.step = json.at("step").get<int64_t>();
    state.audio_s = json.at("audio_s").get<double>();
    state.wall_s = json.at("wall_s").get<double>();
    state.skipped = json.at("skipped").get<int64_t>();
    state.bad_in_a_row = json.at("bad_in_a_row").get<int64_t>();
    return state;
  } catch (const std::exception&) {
    throw InputError(fmt::format("{} is not a training checkpoint", path->string()));
  }
}

bool CheckpointFolder::foreign() const {
  const auto path = newest();
  if (!path) return false;
  const SafetensorsFile file = read_safetensors(*path);
  const auto recipe = file.metadata.find("recipe");
  return recipe == file.metadata.end() || recipe->second != recipe_;
}

fs::path CheckpointFolder::set_aside() const {
  fs::path aside = folder_;
  aside += ".old";
  std::error_code error;
  fs::remove_all(aside, error);
  fs::rename(folder_, aside, error);
  if (error) {
    throw SystemError(
        fmt::format("cannot move {} out of the way: {}", folder_.string(), error.message()));
  }
  return aside;
}

}  // namespace concertina
