#include "distill/pretrain/unit_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/errors.h"
#include "core/files.h"
#include "core/log.h"
#include "distill/pretrain/unit_abx.h"
#include "distill/pretrain/unit_quality.h"
#include "distill/pretrain/units.h"
#include "supernet/model/model_file.h"
#include "supernet/model/safetensors.h"

namespace concertina {
namespace {

// The part of a config fingerprint that determines the units: the same for a run with more steps.
std::string units_part(const std::string& fingerprint, const std::string& stage) {
  const auto json = nlohmann::json::parse(fingerprint, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains(stage)) return fingerprint;
  const nlohmann::json& options = json.at(stage);
  const nlohmann::json inputs = json.value("inputs", nlohmann::json::object());
  return nlohmann::json{json.value("seed", nlohmann::json()),
                        json.value("data", ""),
                        json.value("dtype", ""),
                        json.value("space", nlohmann::json()),
                        inputs.value("units", ""),
                        inputs.value("teacher", ""),
                        options.value("units", nlohmann::json()),
                        options.value("batch", nlohmann::json()).value("sources", nlohmann::json())}
      .dump();
}

std::optional<UnitLabels> read_labels(const std::filesystem::path& path,
                                      const ConfigFingerprint& fingerprint) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  const SafetensorsFile file = read_safetensors(path);
  const auto made_by = file.metadata.find("recipe");
  if (made_by == file.metadata.end()) return std::nullopt;
  const std::string stored = completed_json(made_by->second, fingerprint);
  if (units_part(stored, fingerprint.name) != units_part(to_json(fingerprint), fingerprint.name))
    return std::nullopt;
  return UnitLabels{file.tensors.at("labels.training"), file.tensors.at("labels.validation")};
}

UnitFeatures unit_features(const UnitOptions& options, const Supernet* teacher,
                           at::ScalarType dtype, at::Device device) {
  if (options.features == UnitSource::kMfcc) return mfcc_features(options);
  if (options.features == UnitSource::kTeacher) {
    CONCERTINA_ASSERT(teacher != nullptr);
    return layer_features(*teacher, options.layer, dtype, device);
  }
  return layer_features(load_model(options.model), options.layer, dtype, device);
}

// Logs and records how far frames are from their centroids and how units agree with phones.
void record_quality(const UnitFit& fit, const StageData& data, const UnitLabels& labels,
                    const std::filesystem::path& path) {
  nlohmann::ordered_json json{{"distortion", fit.distortion}};
  const auto record = [&](const char* split, const JoinedClips& clips, const at::Tensor& units) {
    std::optional<UnitQuality> quality = unit_quality(units, phones_of_frames(clips));
    if (!quality) return;
    quality->abx_error = unit_abx_error(units, clips);
    json[split] = nlohmann::ordered_json::parse(to_json(*quality));
    const std::string abx =
        quality->abx_error ? fmt::format(", ABX error {:.3f}", *quality->abx_error) : "";
    log_info("units on {} clips: phone purity {:.3f}, cluster purity {:.3f}, PNMI {:.3f}{}", split,
             quality->phone_purity, quality->cluster_purity, quality->pnmi, abx);
  };
  record("training", data.training, labels.training);
  record("validation", data.validation, labels.validation);
  write_atomically(path, json.dump() + "\n");
}

}  // namespace

UnitLabels unit_labels(const UnitOptions& options, const StageData& data, const Supernet* teacher,
                       const Rng& rng, const PreparedStage& stage, const StageContext& context) {
  const std::filesystem::path path = context.folder / "units.safetensors";
  context.communicator->run_on_rank_zero([&] {
    if (read_labels(path, stage.fingerprint)) return;
    log_info("fitting {} units on {} frames of training audio", options.clusters,
             std::min<int64_t>(options.sample_frames, data.training.total_frames()));
    const UnitFeatures features = unit_features(options, teacher, stage.dtype, context.device);
    const UnitFit fit = fit_units(data.training, options, features, rng);
    const UnitLabels made{label_frames(data.training, features, fit.centroids),
                          label_frames(data.validation, features, fit.centroids)};
    record_quality(fit, data, made, context.folder / "units.json");
    write_safetensors(
        path,
        {{"centroids", fit.centroids},
         {"labels.training", made.training},
         {"labels.validation", made.validation}},
        {{"format", "pt"}, {"kind", "units"}, {"recipe", to_json(stage.fingerprint)}});
  });
  std::optional<UnitLabels> labels = read_labels(path, stage.fingerprint);
  if (!labels) throw SystemError(fmt::format("{}: the unit labels are missing", path.string()));
  return *std::move(labels);
}

}  // namespace concertina
