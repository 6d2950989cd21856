#include "distill/train/stage_folder.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "core/errors.h"
#include "core/files.h"
#include "core/log.h"
#include "distill/train/checkpoint.h"
#include "distill/train/config_changes.h"
#include "distill/train/consistency.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

CheckpointFolder checkpoints_in(const fs::path& folder) { return {folder / "checkpoint", ""}; }

bool has_model(const fs::path& folder) { return fs::exists(folder / "model.safetensors"); }

bool has_damaged_checkpoint(const fs::path& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder / "checkpoint", error)) {
    if (entry.path().extension() == ".damaged") return true;
  }
  return false;
}

std::string dtype_of(const std::string& fingerprint) {
  const auto json = nlohmann::json::parse(fingerprint, nullptr, /*allow_exceptions=*/false);
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
  if (!communicator_.is_rank_zero()) return;
  make_directories(path_);
  lock_ = std::make_unique<FolderLock>(path_);
  check_existing();
}

bool StageFolder::has_checkpoint() const {
  return !set_aside_due_ && !checkpoints_in(path_).empty();
}

void StageFolder::set_aside_if_due() {
  if (set_aside_due_) set_aside();
}

void StageFolder::check_existing() {
  const bool checkpoint = has_checkpoint();
  if (!checkpoint && !has_model(path_) && !has_damaged_checkpoint(path_)) return;
  switch (existing_) {
    case Existing::kReject:
      throw InputError(fmt::format(
          "{} already holds a training run: give --resume to continue it, --fresh to set it "
          "aside and start again, or another --out",
          path_.string()));
    case Existing::kResume:
      if (checkpoint) return;
      throw InputError(
          fmt::format("{} holds {} but no checkpoint to resume from: give --fresh to set "
                      "it aside and start again, or another --out",
                      path_.string(), has_model(path_) ? "a model" : "damaged checkpoints"));
    case Existing::kResumeOrSetAside:
      if (checkpoint) return;
      break;
    case Existing::kSetAside:
      break;
  }
  set_aside_due_ = true;
}

at::ScalarType StageFolder::reconcile(ConfigFingerprint& fingerprint, Precision dtype,
                                      at::Device device) {
  at::ScalarType result = common_dtype(dtype, device, communicator_);
  fingerprint.dtype = c10::toString(result);
  communicator_.run_on_rank_zero([&] {
    set_aside_if_due();
    compare(fingerprint, dtype, device);
  });
  const at::Tensor code =
      at::full({1}, fingerprint.dtype == c10::toString(at::kBFloat16) ? 1 : 0, at::kLong);
  communicator_.broadcast(code);
  result = code.item<int64_t>() == 1 ? at::kBFloat16 : at::kFloat;
  fingerprint.dtype = c10::toString(result);
  return result;
}

void StageFolder::compare(ConfigFingerprint& fingerprint, Precision dtype, at::Device device) {
  const auto before = checkpoints_in(path_).newest();
  if (!before) return;
  const std::string own = fingerprint.dtype, then = dtype_of(before->fingerprint);
  if (dtype == Precision::kAuto && !then.empty()) fingerprint.dtype = then;
  const std::string stored = completed_json(before->fingerprint, fingerprint);
  const ConfigChanges changes = config_changes(stored, to_json(fingerprint), before->step);
  if (changes.incompatible.empty()) {
    if (fingerprint.dtype != own) {
      log_info(
          "{}: resumes in {}, the dtype it was trained in; dtype: auto would be {} on {} of this "
          "machine",
          path_.string(), fingerprint.dtype, own, device.is_cpu() ? "the CPU" : "the GPU");
    }
    if (!changes.allowed.empty()) {
      log_info("{}: resumes from step {} with {}", path_.string(), before->step,
               describe(changes.allowed));
    }
    return;
  }
  if (existing_ != Existing::kResumeOrSetAside) {
    throw InputError(fmt::format(
        "{} holds a run of {} steps with other settings: {}; resume with the old ones, or give "
        "--fresh to set it aside and start again, or another --out",
        path_.string(), before->step, describe(changes.incompatible, fingerprint.places)));
  }
  log_warn("{} was trained with other settings: {}", path_.string(),
           describe(changes.incompatible, fingerprint.places));
  set_aside();
  fingerprint.dtype = own;
}

void StageFolder::set_aside() {
  const fs::path aside = free_name(path_);
  std::error_code error;
  fs::rename(path_, aside, error);
  if (error) {
    throw SystemError(fmt::format("cannot rename {}: {}", path_.string(), error.message()));
  }
  log_warn("the run in {} is kept as {}; starting a new one", path_.string(), aside.string());
  set_aside_due_ = false;
  lock_.reset();
  make_directories(path_);
  lock_ = std::make_unique<FolderLock>(path_);
}

}  // namespace concertina
