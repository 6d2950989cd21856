#include "distill/distill.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "core/errors.h"
#include "core/log.h"
#include "core/memory.h"
#include "distill/data/cache_files.h"
#include "distill/data/whole_clips.h"
#include "distill/inheritance.h"
#include "distill/train/agreement.h"
#include "supernet/space/search_space_config.h"

namespace concertina {
namespace {

std::unique_ptr<Objective> stage_objective(const ObjectiveOptions& options,
                                           const SearchSpace& space, const Supernet& teacher) {
  const Architecture shape = teacher.space().largest();
  return make_objective(nlohmann::json{{"kind", enum_name(options.kind)},
                                       {"top", options.top},
                                       {"distance", enum_name(options.distance)},
                                       {"instance_norm", options.instance_norm},
                                       {"teacher_depth", shape.depth()},
                                       {"teacher_dim", shape.embed_dim()},
                                       {"student_dim", space.storage().shape.embed_dim()}}
                            .dump());
}

void check_fit(const Blueprint& student, const Blueprint& teacher) {
  if (student.base_frame_period_us() == teacher.base_frame_period_us() &&
      student.sample_rate == teacher.sample_rate) {
    return;
  }
  throw InputError(
      fmt::format("the teacher gives a frame every {} us at {} Hz, the student's space every {} us "
                  "at {} Hz: both must agree",
                  teacher.base_frame_period_us(), teacher.sample_rate,
                  student.base_frame_period_us(), student.sample_rate));
}

// The teacher's where it has the same front end, else measured on the training crops.
void settle_mel_statistics(TensorMap& weights, const TensorMap& teacher, const Blueprint& blueprint,
                           const CropSource& crops) {
  if (blueprint.front_end != FrontEndKind::kLogMel) return;
  for (const char* name : {"feature_extractor.mel.mean", "feature_extractor.mel.std"}) {
    const auto found = teacher.find(name);
    if (found == teacher.end() || found->second.sizes() != weights.at(name).sizes()) {
      return set_mel_statistics(weights, blueprint, crops);
    }
    weights.at(name) = found->second.clone();
  }
}

Supernet initial_student(const DistillOptions& options, const SearchSpace& space,
                         const Supernet& teacher, const ModelWithHeads* previous,
                         const CropSource& crops, const Rng& rng) {
  Supernet student = Supernet::random(space, rng.fork("weights"));
  settle_mel_statistics(student.weights(), teacher.weights(), space.blueprint(), crops);
  if (options.init == StudentInit::kRandom || options.init == StudentInit::kFolder) return student;
  const bool from_teacher = options.init == StudentInit::kTeacher;
  const Inheritance result = inherit(student, from_teacher ? teacher : previous->model);
  log_info("the student starts from {}: {}", from_teacher ? "the teacher" : "the stage before",
           describe(result));
  return student;
}

std::vector<Parameters::Init> initial_heads(const DistillOptions& options,
                                            const Objective& objective,
                                            const ModelWithHeads* previous, const Rng& rng) {
  auto heads = objective.parameters(rng.fork("heads"));
  if (options.init != StudentInit::kPreviousStage || previous == nullptr) return heads;
  for (Parameters::Init& head : heads) {
    const auto found = previous->heads.find(head.name);
    if (found != previous->heads.end() && found->second.sizes() == head.value.sizes())
      head.value = found->second;
  }
  return heads;
}

void say_unused(const std::filesystem::path& run) {
  const std::vector<CacheFile> unused = unused_cache_files(run);
  if (unused.empty()) return;
  int64_t bytes = 0;
  for (const CacheFile& file : unused) bytes += file.bytes;
  log_info("{} older caches of targets take {:.2f} GB: `concertina targets remove {}` removes them",
           unused.size(), static_cast<double>(bytes) * 1e-9, run.string());
}

// Null without a cache. The first process makes the file, the others open it after that.
std::shared_ptr<const TargetCache> open_cache(const DistillOptions& options,
                                              const Supernet& teacher, const Objective& objective,
                                              const JoinedClips& clips, const std::string& made_by,
                                              at::ScalarType dtype, const StageContext& context) {
  if (options.cache == CacheDtype::kNone) return nullptr;
  const auto folder = context.targets.empty() ? context.folder / "targets" : context.targets;
  const Subnet subnet = copy_of(teacher.to(context.device).slice(teacher.space().largest(), dtype));
  const TargetCache::Source source{clips, subnet, objective, options.train.batch, made_by};
  const auto open = [&] {
    return std::make_shared<const TargetCache>(folder, source, options.cache, context.stop);
  };
  std::shared_ptr<const TargetCache> cache;
  context.communicator->first_does([&] {
    cache = open();
    note_cache_file(context.folder, cache->path());
    say_unused(folder.parent_path());
  });
  return cache ? cache : open();
}

}  // namespace

StageResult distill_stage(const DistillOptions& options, int32_t stage, const SearchSpace& space,
                          const Supernet& teacher, const ModelWithHeads* previous,
                          const Manifest& manifest, const StageContext& context) {
  const std::string name = fmt::format("stage{}", stage);
  const Rng rng = Rng(context.seed).fork(name);
  const Blueprint& blueprint = space.blueprint();
  const TrainOptions& train = options.train;
  CONCERTINA_ASSERT(previous != nullptr || options.init != StudentInit::kPreviousStage);
  check_audio(blueprint);
  check_fit(blueprint, teacher.blueprint());
  const auto folder = context.claim();
  const auto augmentation = make_augmentation(train.augment);
  RecipeParts parts{name,
                    to_json(options),
                    context.seed,
                    manifest.fingerprint(),
                    json_of(space),
                    std::string(enum_name(train.dtype)),
                    noise_input(augmentation)};
  parts.inputs["teacher"] = weights_sha256(teacher);
  if (options.init == StudentInit::kPreviousStage)
    parts.inputs["previous"] = weights_sha256(previous->model);
  std::optional<ModelWithHeads> start;
  if (options.init == StudentInit::kFolder) {
    start = load_start(train.init_from);
    parts.inputs["init_from"] = weights_sha256(start->model);
  }
  check_processes(recipe_json(parts), train, context);
  const at::ScalarType dtype = folder->settle(parts, train.dtype, context.device);

  auto objective = stage_objective(options.objective, space, teacher);
  auto heads = initial_heads(options, *objective, previous, rng);
  const StageData data = stage_data(manifest, blueprint, train.batch);
  std::optional<MaskOptions> mask;
  if (options.mask.probability > 0) mask = options.mask;
  const auto targets = open_cache(
      options, teacher, *objective, data.training,
      fmt::format("{} {} {}", parts.data, parts.inputs["teacher"], parts.dtype), dtype, context);
  const auto training =
      make_batch_source(data.training, blueprint, train.batch, {mask, {}, targets, augmentation},
                        rng.fork("training"), context.share());
  const auto validation =
      make_batch_source(data.validation, blueprint, train.batch, {}, rng.fork("validation"));
  const CropSource crops(data.training, blueprint, train.batch, {mask, {}, {}, {}},
                         rng.fork("training"));
  map_large_memory();  // until the trainer runs: what is made now stays
  Supernet student = initial_student(options, space, teacher, previous, crops, rng);
  if (start) take_all(student.weights(), heads, *start, train.init_from);
  Learner learner({.student = std::move(student),
                   .objective = std::move(objective),
                   .heads = std::move(heads),
                   .sampler = make_sampler(options.sampler, space, train.steps, rng),
                   .teacher = teacher,
                   .in_place = options.sampler.in_place,
                   .dtype = dtype,
                   .device = context.device});
  return run_stage(learner, *training, *validation, train, recipe_json(parts), context);
}

}  // namespace concertina
