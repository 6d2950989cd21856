#include "distill/pretrain/pretrain.h"

#include <memory>
#include <optional>
#include <utility>

#include "core/files.h"
#include "core/hash.h"
#include "core/memory.h"
#include "distill/data/crops.h"
#include "distill/objective/masked_units.h"
#include "distill/pretrain/unit_labels.h"
#include "distill/train/mel_statistics.h"
#include "supernet/space/search_space_config.h"

namespace concertina {
namespace {

std::unique_ptr<Objective> unit_objective(const PretrainOptions& options,
                                          const Architecture& shape) {
  MaskedUnitsSpec spec;
  spec.layers = options.layers;
  spec.depth = shape.depth();
  spec.clusters = options.units.clusters;
  spec.model_dim = shape.embed_dim();
  spec.unmasked_weight = options.unmasked_weight;
  spec.codeword_dim = options.codeword_dim;
  spec.temperature = options.temperature;
  return std::make_unique<MaskedUnitsObjective>(std::move(spec));
}

PreparedStage prepare(const PretrainOptions& options, const SearchSpace& space,
                      const Manifest& manifest, const StageContext& context) {
  ConfigFingerprint fingerprint{.name = "teacher",
                                .options = to_json(options),
                                .data = manifest.fingerprint(),
                                .space = json_of(space),
                                .completed_options = [](const std::string& json) {
                                  return pretrain_table().completed_json(json, {});
                                }};
  if (options.units.layer > 0) fingerprint.inputs["units"] = sha256_file(options.units.model);
  return prepare_stage(std::move(fingerprint), options.train, context);
}

Supernet untrained_teacher(const SearchSpace& space, const StageData& data, const Rng& rng) {
  const SearchSpace own =
      SearchSpace::single(space.blueprint(), {teacher_architecture(space), space.storage().rule});
  Supernet teacher = Supernet::random(own, rng.fork("weights"));
  const CropSource crops({data.training, own.blueprint(), data.options, {}, rng.fork("mel")});
  set_mel_statistics(teacher.weights(), own.blueprint(), crops);
  return teacher;
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
  const Blueprint& blueprint = space.blueprint();
  check_audio(blueprint);
  check_regularization(options.train.regularization, blueprint);
  auto objective = unit_objective(options, teacher_architecture(space));
  const PreparedStage stage = prepare(options, space, manifest, context);

  const StageData data = stage_data(manifest, blueprint, options.train.batch);
  const UnitLabels labels =
      unit_labels(options.units, data, nullptr, rng.fork("units"), stage, context);
  const StageBatches batches =
      stage_batches(data, {options.mask, labels.training, {}, stage.augmentation},
                    {options.mask, labels.validation, {}, {}}, rng, context.shard());
  Supernet teacher = untrained_teacher(space, data, rng);
  const SearchSpace own = teacher.space();
  auto heads = objective->parameters(rng.fork("heads"));
  if (stage.start) warm_start(teacher.weights(), heads, *stage.start, options.train.init_from);
  map_large_memory();  // until the trainer runs: what is allocated now is kept
  Learner learner({.student = std::move(teacher),
                   .objective = std::move(objective),
                   .heads = std::move(heads),
                   .sampler = make_sampler({}, own, options.train.steps, rng),
                   .rate_scales = options.train.optimizer.rate_scales,
                   .regularization = options.train.regularization,
                   .recompute_layers = options.train.recompute_layers,
                   .rank = context.shard().index,
                   .dtype = stage.dtype,
                   .device = context.device,
                   .steps = options.train.steps,
                   .rng = rng.fork("objective")});
  return run_stage(learner, batches, options.train, to_json(stage.fingerprint), context);
}

}  // namespace concertina
