#include "distill/train/stage_folder.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "core/errors.h"
#include "core/files.h"
#include "core/log.h"
#include "distill/train/agreement.h"
#include "distill/train/checkpoint.h"
#include "distill/train/recipe_diff.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

CheckpointFolder checkpoints_in(const fs::path& folder) { return {folder / "checkpoint", ""}; }

bool has_model(const fs::path& folder) { return fs::exists(folder / "model.safetensors"); }

bool has_damaged(const fs::path& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder / "checkpoint", error)) {
    if (entry.path().extension() == ".damaged") return true;
  }
  return false;
}

std::string dtype_of(const std::string& recipe) {
  const auto json = nlohmann::json::parse(recipe, nullptr, /*allow_exceptions=*/false);
  return json.is_object() ? json.value("dtype", "") : "";
}

fs::path free_name(const fs::path& folder) {
  fs::path aside = folder.string() + ".old";
  for (int32_t n = 2; fs::exists(aside); ++n) {
    aside = fmt::format("{}.old{}", folder.string(), n);
  }
  return aside;
}

}  // namespace

StageFolder::StageFolder(fs::path folder, Existing existing, Communicator& communicator)
    : path_(std::move(folder)), existing_(existing), communicator_(communicator) {
  if (!path_.has_filename()) path_ = path_.parent_path();  // "a/b/"
  if (!communicator_.first()) return;
  make_directories(path_);
  lock_ = std::make_unique<FolderLock>(path_);
  refuse_or_set_aside();
}

bool StageFolder::has_checkpoint() const { return !old_ && !checkpoints_in(path_).empty(); }

void StageFolder::set_aside_now() {
  if (old_) set_aside();
}

void StageFolder::refuse_or_set_aside() {
  const bool checkpoint = has_checkpoint();
  if (!checkpoint && !has_model(path_) && !has_damaged(path_)) return;
  switch (existing_) {
    case Existing::kRefuse:
      throw InputError(fmt::format(
          "{} already holds a training run: give --resume to go on with it, --fresh to set it "
          "aside and start again, or another --out",
          path_.string()));
    case Existing::kGoOn:
      if (checkpoint) return;
      throw InputError(
          fmt::format("{} holds {} but no checkpoint to go on from: give --fresh to set "
                      "it aside and start again, or another --out",
                      path_.string(), has_model(path_) ? "a model" : "damaged checkpoints"));
    case Existing::kGoOnOrSetAside:
      if (checkpoint) return;
      break;
    case Existing::kSetAside:
      break;
  }
  old_ = true;
}

at::ScalarType StageFolder::settle(RecipeParts& parts, Precision dtype, at::Device device) {
  at::ScalarType result = agreed_dtype(dtype, device, communicator_);
  parts.dtype = c10::toString(result);
  communicator_.first_does([&] {
    set_aside_now();
    compare(parts, dtype, device);
  });
  const at::Tensor code =
      at::full({1}, parts.dtype == c10::toString(at::kBFloat16) ? 1 : 0, at::kLong);
  communicator_.broadcast(code);
  result = code.item<int64_t>() == 1 ? at::kBFloat16 : at::kFloat;
  parts.dtype = c10::toString(result);
  return result;
}

void StageFolder::compare(RecipeParts& parts, Precision dtype, at::Device device) {
  const auto before = checkpoints_in(path_).newest();
  if (!before) return;
  const std::string own = parts.dtype, then = dtype_of(before->recipe);
  if (dtype == Precision::kAuto && !then.empty()) parts.dtype = then;
  const RecipeChanges changes = changes_between(before->recipe, recipe_json(parts), before->step);
  if (changes.binding.empty()) {
    if (parts.dtype != own) {
      log_info("{}: goes on in {} as it began; dtype: auto would be {} on {} of this machine",
               path_.string(), parts.dtype, own, device.is_cpu() ? "the CPU" : "the GPU");
    }
    if (!changes.free.empty()) {
      log_info("{}: goes on from step {} with {}", path_.string(), before->step,
               describe(changes.free));
    }
    return;
  }
  if (existing_ != Existing::kGoOnOrSetAside) {
    throw InputError(fmt::format(
        "{} holds a run of {} steps with other settings: {}; go on with the old ones, or give "
        "--fresh to set it aside and start again, or another --out",
        path_.string(), before->step, describe(changes.binding)));
  }
  log_warn("{} was trained with other settings: {}", path_.string(), describe(changes.binding));
  set_aside();
  parts.dtype = own;
}

void StageFolder::set_aside() {
  const fs::path aside = free_name(path_);
  std::error_code error;
  fs::rename(path_, aside, error);
  if (error) {
    throw SystemError(
        fmt::format("cannot move {} out of the way: {}", path_.string(), error.message()));
  }
  log_warn("the run in {} is kept as {}; starting afresh", path_.string(), aside.string());
  old_ = false;
  lock_.reset();
  make_directories(path_);
  lock_ = std::make_unique<FolderLock>(path_);
}

}  // namespace concertina
