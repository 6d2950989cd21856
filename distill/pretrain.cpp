#include "distill/pretrain.h"

#include <fmt/format.h>

#include <utility>

#include "core/errors.h"
#include "core/files.h"
#include "core/log.h"
#include "core/memory.h"
#include "distill/agreement.h"
#include "distill/objective/masked_units.h"
#include "distill/units.h"
#include "distill/whole_clips.h"
#include "supernet/model/model_file.h"
#include "supernet/model/safetensors.h"

namespace concertina {
namespace {

struct UnitLabels {
  at::Tensor training, validation;  // [total_frames] int16
};

// Labels are made once a recipe and read again on resume.
UnitLabels made_labels(const PretrainOptions& options, const StageData& data, const Rng& rng,
                       const std::string& recipe, const std::filesystem::path& path,
                       at::ScalarType dtype, at::Device device) {
  if (std::filesystem::exists(path)) {
    const SafetensorsFile file = read_safetensors(path);
    const auto made_by = file.metadata.find("recipe");
    if (made_by != file.metadata.end() && made_by->second == recipe) {
      return {file.tensors.at("labels.training").clone(),
              file.tensors.at("labels.validation").clone()};
    }
  }
  log_info("fitting {} units on {} frames of training audio", options.units.clusters,
           std::min<int64_t>(options.units.sample_frames, data.training.total_frames()));
  const UnitFeatures features =
      options.units.layer > 0 ? layer_features(load_model(options.units.model), options.units.layer,
                                               dtype, device)
                              : mfcc_features(options.units);
  const at::Tensor centroids = fit_units(data.training, options.units, features, rng);
  UnitLabels labels{label_frames(data.training, features, centroids),
                    label_frames(data.validation, features, centroids)};
  write_safetensors(path,
                    {{"centroids", centroids},
                     {"labels.training", labels.training},
                     {"labels.validation", labels.validation}},
                    {{"format", "pt"}, {"kind", "units"}, {"recipe", recipe}});
  return labels;
}

// The first process makes or reads them, and the others hear them.
UnitLabels unit_labels(const PretrainOptions& options, const StageData& data, const Rng& rng,
                       const std::string& recipe, at::ScalarType dtype,
                       const StageContext& context) {
  UnitLabels labels;
  context.communicator->first_does([&] {
    make_directories(context.folder);
    labels = made_labels(options, data, rng, recipe, context.folder / "units.safetensors", dtype,
                         context.device);
  });
  if (!context.communicator->first()) {
    labels = {at::zeros({data.training.total_frames()}, at::kShort),
              at::zeros({data.validation.total_frames()}, at::kShort)};
  }
  context.communicator->broadcast(labels.training.view(at::kByte));
  context.communicator->broadcast(labels.validation.view(at::kByte));
  return labels;
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
  const auto dtype = agreed_dtype(options.train.dtype, context.device, *context.communicator);
  auto objective = unit_objective(options, shape);
  const auto augmentation = make_augmentation(options.train.augment);
  auto inputs = noise_input(augmentation);
  if (options.units.layer > 0) inputs["units"] = sha256_file(options.units.model);
  const std::string recipe =
      recipe_json({"teacher", to_json(options), context.seed, manifest.fingerprint(),
                   space.to_json(), c10::toString(dtype), std::move(inputs)});
  check_processes(recipe, options.train, context);

  const StageData data = stage_data(manifest, blueprint, options.train.batch);
  const UnitLabels labels = unit_labels(options, data, rng.fork("units"), recipe, dtype, context);
  const MaskOptions mask{.probability = options.mask_probability, .length = options.mask_length};
  const auto training = make_batch_source(data.training, blueprint, options.train.batch,
                                          {mask, labels.training, {}, augmentation},
                                          rng.fork("training"), context.share());
  const auto validation =
      make_batch_source(data.validation, blueprint, options.train.batch,
                        {mask, labels.validation, {}, {}}, rng.fork("validation"));
  Supernet teacher = fresh_teacher(options, space, data, rng);
  const SearchSpace own = teacher.space();
  auto heads = objective->parameters(rng.fork("heads"));
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
