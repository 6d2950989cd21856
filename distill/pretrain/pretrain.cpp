#include "distill/pretrain/pretrain.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/errors.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/memory.h"
#include "distill/data/whole_clips.h"
#include "distill/objective/masked_units.h"
#include "distill/pretrain/units.h"
#include "distill/train/agreement.h"
#include "supernet/model/model_file.h"
#include "supernet/model/safetensors.h"
#include "supernet/space/search_space_config.h"

namespace concertina {
namespace {

struct UnitLabels {
  at::Tensor training, validation;  // [total_frames] int16
};

// The parts of a recipe that settle its units: the same for a run that goes on for longer.
std::string units_of(const std::string& recipe) {
  const auto json = nlohmann::json::parse(recipe, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("teacher")) return recipe;
  const nlohmann::json& options = json.at("teacher");
  const nlohmann::json inputs = json.value("inputs", nlohmann::json::object());
  return nlohmann::json{json.value("seed", nlohmann::json()),
                        json.value("data", ""),
                        json.value("dtype", ""),
                        json.value("space", nlohmann::json()),
                        inputs.value("units", ""),
                        options.value("units", nlohmann::json()),
                        options.value("batch", nlohmann::json()).value("sources", nlohmann::json())}
      .dump();
}

// The file's, mapped: 60,000 hours are 22 GB of labels, which the processes of a machine share.
// Nothing where there is no file for this recipe.
std::optional<UnitLabels> labels_in(const std::filesystem::path& path, const std::string& recipe) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  const SafetensorsFile file = read_safetensors(path);
  const auto made_by = file.metadata.find("recipe");
  if (made_by == file.metadata.end() || units_of(made_by->second) != units_of(recipe)) {
    return std::nullopt;
  }
  return UnitLabels{file.tensors.at("labels.training"), file.tensors.at("labels.validation")};
}

void make_labels(const PretrainOptions& options, const StageData& data, const Rng& rng,
                 const std::string& recipe, const std::filesystem::path& path, at::ScalarType dtype,
                 at::Device device) {
  log_info("fitting {} units on {} frames of training audio", options.units.clusters,
           std::min<int64_t>(options.units.sample_frames, data.training.total_frames()));
  const UnitFeatures features =
      options.units.layer > 0
          ? layer_features(load_model(options.units.model), options.units.layer, dtype, device)
          : mfcc_features(options.units);
  const at::Tensor centroids = fit_units(data.training, options.units, features, rng);
  write_safetensors(path,
                    {{"centroids", centroids},
                     {"labels.training", label_frames(data.training, features, centroids)},
                     {"labels.validation", label_frames(data.validation, features, centroids)}},
                    {{"format", "pt"}, {"kind", "units"}, {"recipe", recipe}});
}

// Made once by the first process, and read by all: the folder is seen by all.
UnitLabels unit_labels(const PretrainOptions& options, const StageData& data, const Rng& rng,
                       const std::string& recipe, at::ScalarType dtype,
                       const StageContext& context) {
  const std::filesystem::path path = context.folder / "units.safetensors";
  context.communicator->first_does([&] {
    if (!labels_in(path, recipe))
      make_labels(options, data, rng, recipe, path, dtype, context.device);
  });
  std::optional<UnitLabels> labels = labels_in(path, recipe);
  if (!labels) throw SystemError(fmt::format("{}: the units are not there", path.string()));
  return *std::move(labels);
}

Supernet fresh_teacher(const PretrainOptions& options, const SearchSpace& space,
                       const StageData& data, const Rng& rng) {
  const SearchSpace own =
      SearchSpace::single(space.blueprint(), {teacher_architecture(space), space.storage().rule});
  Supernet teacher = Supernet::random(own, rng.fork("weights"));
  const CropSource crops(data.training, own.blueprint(), options.train.batch, {}, rng.fork("mel"));
  set_mel_statistics(teacher.weights(), own.blueprint(), crops);
  return teacher;
}

std::unique_ptr<Objective> unit_objective(const PretrainOptions& options,
                                          const Architecture& shape) {
  MaskedUnitsSpec spec;
  spec.layers = options.layers;
  spec.depth = shape.depth();
  spec.clusters = options.units.clusters;
  spec.model_dim = shape.embed_dim();
  spec.unmasked_weight = options.unmasked_weight;
  return std::make_unique<MaskedUnitsObjective>(std::move(spec));
}

}  // namespace

Architecture teacher_architecture(const SearchSpace& space) {
  const Architecture largest = space.largest();
  return Architecture(largest.conv_channels(), largest.embed_dim(),
                      space.blueprint().base_frame_period_us(), largest.layers());
}

StageResult pretrain_teacher(const PretrainOptions& options, const SearchSpace& space,
                             const Manifest& manifest, const StageContext& context) {
  const Rng rng = Rng(context.seed).fork("teacher");
  const Architecture shape = teacher_architecture(space);
  const Blueprint& blueprint = space.blueprint();
  check_audio(blueprint);
  const auto folder = context.claim();
  auto objective = unit_objective(options, shape);
  const auto augmentation = make_augmentation(options.train.augment);
  auto inputs = noise_input(augmentation);
  if (options.units.layer > 0) inputs["units"] = sha256_file(options.units.model);
  std::optional<ModelWithHeads> start;
  if (!options.train.init_from.empty()) {
    start = load_start(options.train.init_from);
    inputs["init_from"] = weights_sha256(start->model);
  }
  RecipeParts parts{"teacher",        to_json(options),
                    context.seed,     manifest.fingerprint(),
                    json_of(space),   std::string(enum_name(options.train.dtype)),
                    std::move(inputs)};
  check_processes(recipe_json(parts), options.train, context);
  const at::ScalarType dtype = folder->settle(parts, options.train.dtype, context.device);
  const std::string recipe = recipe_json(parts);

  const StageData data = stage_data(manifest, blueprint, options.train.batch);
  const UnitLabels labels = unit_labels(options, data, rng.fork("units"), recipe, dtype, context);
  const auto training = make_batch_source(data.training, blueprint, options.train.batch,
                                          {options.mask, labels.training, {}, augmentation},
                                          rng.fork("training"), context.share());
  const auto validation =
      make_batch_source(data.validation, blueprint, options.train.batch,
                        {options.mask, labels.validation, {}, {}}, rng.fork("validation"));
  Supernet teacher = fresh_teacher(options, space, data, rng);
  const SearchSpace own = teacher.space();
  auto heads = objective->parameters(rng.fork("heads"));
  if (start) take_all(teacher.weights(), heads, *start, options.train.init_from);
  map_large_memory();  // until the trainer runs: what is made now stays
  Learner learner({.student = std::move(teacher),
                   .objective = std::move(objective),
                   .heads = std::move(heads),
                   .sampler = make_sampler({}, own, options.train.steps, rng),
                   .teacher = std::nullopt,
                   .in_place = false,
                   .dtype = dtype,
                   .device = context.device});
  return run_stage(learner, *training, *validation, options.train, recipe, context);
}

}  // namespace concertina
