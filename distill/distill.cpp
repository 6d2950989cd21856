#include "distill/distill.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "core/errors.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/memory.h"
#include "distill/data/cache_files.h"
#include "distill/data/crops.h"
#include "distill/data/target_cache.h"
#include "distill/data/window_targets.h"
#include "distill/inheritance.h"
#include "distill/objective/objective_file.h"
#include "distill/pretrain/unit_labels.h"
#include "distill/train/mel_statistics.h"
#include "supernet/model/visible_input.h"
#include "supernet/space/search_space_config.h"

namespace concertina {
namespace {

const std::string kMoreTeachers = "teachers.";  // in the fingerprint's inputs, before the name

std::vector<TeacherSize> teacher_sizes(const DistillInputs& inputs) {
  std::vector<TeacherSize> sizes = {size_of(inputs.teacher)};
  for (const NamedTeacher& more : inputs.more_teachers)
    sizes.push_back(size_of(more.model, more.name));
  return sizes;
}

std::unique_ptr<Objective> stage_objective(const DistillOptions& options,
                                           const DistillInputs& inputs) {
  const SearchSpace& space = inputs.space;
  const Architecture student = space.storage().shape;
  return make_objective(options.objective, {.teachers = teacher_sizes(inputs),
                                            .student_depth = student.depth(),
                                            .student_dim = student.embed_dim(),
                                            .student_head_dim = space.blueprint().head_dim,
                                            .units = options.units ? options.units->clusters : 0,
                                            .layer_head = layer_head_sizes(space)});
}

std::vector<Supernet> all_teachers(const DistillInputs& inputs) {
  std::vector<Supernet> all = {inputs.teacher};
  for (const NamedTeacher& more : inputs.more_teachers) all.push_back(more.model);
  return all;
}

std::map<size_t, SnapshotSchedule> snapshots_of(const DistillInputs& inputs) {
  std::map<size_t, SnapshotSchedule> schedules;
  for (size_t i = 0; i < inputs.more_teachers.size(); ++i) {
    const auto& schedule = inputs.more_teachers[i].snapshots;
    if (schedule) schedules[1 + i] = *schedule;
  }
  return schedules;
}

void check_frames(const DistillInputs& inputs) {
  for (const Supernet& teacher : all_teachers(inputs)) {
    const std::string problem = frames_problem(inputs.space.blueprint(), teacher.blueprint());
    if (!problem.empty()) throw InputError(problem);
  }
}

// Those of the teacher where it has the same front end, else measured on the training crops.
void set_mel_statistics_from(TensorMap& weights, const TensorMap& teacher,
                             const Blueprint& blueprint, const BatchSource& crops) {
  if (blueprint.front_end != FrontEndKind::kLogMel) return;
  for (const char* name : {"feature_extractor.mel.mean", "feature_extractor.mel.std"}) {
    const auto found = teacher.find(name);
    if (found == teacher.end() || found->second.sizes() != weights.at(name).sizes()) {
      return set_mel_statistics(weights, blueprint, crops);
    }
    weights.at(name) = found->second.clone();
  }
}

Supernet initial_student(const DistillOptions& options, const DistillInputs& inputs,
                         const BatchSource& crops, const Rng& rng) {
  const SearchSpace& space = inputs.space;
  Supernet student = Supernet::random(space, rng.fork("weights"));
  set_mel_statistics_from(student.weights(), inputs.teacher.weights(), space.blueprint(), crops);
  if (options.init == StudentInit::kRandom || options.init == StudentInit::kFolder) return student;
  const bool from_teacher = options.init == StudentInit::kTeacher;
  const Inheritance result =
      inherit_weights(student, from_teacher ? inputs.teacher : inputs.previous->model);
  log_info("the student starts from {}: {}", from_teacher ? "the teacher" : "the previous stage",
           describe(result));
  return student;
}

std::vector<Parameters::Init> initial_heads(const DistillOptions& options,
                                            const Objective& objective,
                                            const ModelWithHeads* previous, const Rng& rng) {
  auto heads = objective.parameters(rng.fork("heads"));
  const bool from_previous = options.init == StudentInit::kPreviousStage && !options.fresh_heads;
  if (!from_previous || previous == nullptr) return heads;
  for (Parameters::Init& head : heads) {
    const auto found = previous->heads.find(head.name);
    if (found != previous->heads.end() && found->second.sizes() == head.value.sizes())
      head.value = found->second;
  }
  return heads;
}

void log_unused_caches(const std::filesystem::path& run) {
  const std::vector<CacheFile> unused = unused_cache_files(run);
  if (unused.empty()) return;
  int64_t bytes = 0;
  for (const CacheFile& file : unused) bytes += file.bytes;
  log_info("{} older caches of targets take {:.2f} GB: `concertina targets remove {}` removes them",
           unused.size(), static_cast<double>(bytes) * 1e-9, run.string());
}

PreparedStage prepare(const DistillOptions& options, const DistillInputs& inputs,
                      const std::string& name, const StageContext& context) {
  ConfigFingerprint fingerprint{
      .name = name,
      .options = to_json(options),
      .data = inputs.manifest.fingerprint(),
      .space = json_of(inputs.space),
      .places = inputs.places,
      .completed_options = [stage = inputs.stage](const std::string& json) {
        return distill_table(stage).completed_json(json, distill_defaults(stage));
      }};
  const bool reads_logits = traits_of(options.objective).reads_logits;
  fingerprint.inputs["teacher"] = weights_sha256(inputs.teacher);
  if (reads_logits) fingerprint.inputs["unit_head"] = unit_head_sha256(inputs.teacher);
  for (const auto& [teacher, model, snapshots] : inputs.more_teachers) {
    fingerprint.inputs[kMoreTeachers + teacher] =
        snapshots ? sha256_of(*snapshots) : weights_sha256(model);
    if (reads_logits)
      fingerprint.inputs[kMoreTeachers + teacher + ".head"] = unit_head_sha256(model);
  }
  if (options.units && !options.units->model.empty())
    fingerprint.inputs["units"] = sha256_file(options.units->model);
  if (options.init == StudentInit::kPreviousStage) {
    fingerprint.inputs["previous"] = weights_sha256(inputs.previous->model);
  }
  return prepare_stage(std::move(fingerprint), options.train, context);
}

struct StageTargets {  // null without a cache
  std::shared_ptr<const Targets> training, validation;
};

// Rank 0 makes the file of the training clips, the others open it after that.
std::shared_ptr<const Targets> open_cache(const TargetSource& source, CacheDtype dtype,
                                          const StageContext& context) {
  const auto folder = context.targets.empty() ? context.folder / "targets" : context.targets;
  const auto open = [&] {
    return std::make_shared<const TargetCache>(folder, source, dtype, context.stop);
  };
  std::shared_ptr<const TargetCache> cache;
  context.communicator->run_on_rank_zero([&] {
    cache = open();
    note_cache_file(context.folder, cache->path());
    log_unused_caches(folder.parent_path());
  });
  return cache ? cache : open();
}

// What the rows of a cache depend on.
std::string made_by(const ConfigFingerprint& whole) {
  std::string text = fmt::format("{} {} {}", whole.data, whole.inputs.at("teacher"), whole.dtype);
  for (const auto& [input, hash] : whole.inputs) {
    if (input == "unit_head") text += " " + hash;
    if (input.starts_with(kMoreTeachers)) text += fmt::format(" {} {}", input, hash);
  }
  return text;
}

StageTargets stage_targets(const DistillOptions& options, const DistillInputs& inputs,
                           const Objective& objective, const StageData& data,
                           const PreparedStage& stage, const StageContext& context) {
  if (options.cache == CacheDtype::kNone) return {};
  std::vector<Row> rows = objective.needs().rows;
  std::erase_if(rows, [](const Row& row) { return row.masked; });
  if (rows.empty()) return {};
  std::vector<Subnet> teachers;
  for (const Supernet& teacher : all_teachers(inputs)) {
    teachers.push_back(
        copy_of(teacher.to(context.device).slice(teacher.space().largest(), stage.dtype)));
  }
  const auto source = [&](const JoinedClips& clips) {
    return TargetSource{
        clips, teachers, data.blueprint, rows, options.train.batch, made_by(stage.fingerprint)};
  };
  return {open_cache(source(data.training), options.cache, context),
          std::make_shared<const WindowTargets>(source(data.validation), options.cache)};
}

// InputError when the options of a stage do not give what its objective needs.
void check_needs(const DistillOptions& options, const DistillInputs& inputs,
                 const std::string& stage) {
  const ObjectiveTraits traits = traits_of(options.objective);
  if (const auto problem = objective_problem(options.objective, teacher_sizes(inputs)))
    throw InputError(fmt::format("{}.objective.{}: {}", stage, problem->first, problem->second));
  const std::string no_layer = layer_head_problem(inputs.space);
  if (traits.head_layer && !no_layer.empty())
    throw InputError(fmt::format("{}.objective: head_layer: {}", stage, no_layer));
  for (const NamedTeacher& more : inputs.more_teachers) {
    if (more.snapshots && options.cache != CacheDtype::kNone)
      throw InputError(fmt::format("{}.cache: {}", stage, cached_snapshots_problem(more.name)));
  }
  if (options.drop_masked != DropMasked::kNone) {
    std::string problem = drop_masked_problem(inputs.space);
    if (options.drop_masked == DropMasked::kBoth) {
      for (const Supernet& teacher : all_teachers(inputs)) {
        if (problem.empty()) problem = drop_masked_problem(teacher.space());
      }
    }
    if (!problem.empty()) throw InputError(fmt::format("{}.drop_masked: {}", stage, problem));
  }
  if (traits.reads_units && !options.units)
    throw InputError(fmt::format("{}.units is missing: the objective predicts units", stage));
  if (traits.reads_mask && options.mask.probability <= 0) {
    throw InputError(
        fmt::format("{}.mask.probability is 0: the objective needs masked frames", stage));
  }
}

// Whether the teacher runs in a step: no cache has rows of its masked pass.
bool has_live_rows(const std::vector<Row>& rows, const Targets* cache) {
  return std::ranges::any_of(rows, [&](const Row& row) { return row.masked || cache == nullptr; });
}

}  // namespace

std::string frames_problem(const Blueprint& student, const Blueprint& teacher) {
  if (student.base_frame_period_us() == teacher.base_frame_period_us() &&
      student.sample_rate == teacher.sample_rate) {
    return "";
  }
  return fmt::format(
      "the teacher gives a frame every {} us at {} Hz, the student's space every {} us at {} Hz: "
      "both must agree",
      teacher.base_frame_period_us(), teacher.sample_rate, student.base_frame_period_us(),
      student.sample_rate);
}

std::string cached_snapshots_problem(const std::string& teacher) {
  return fmt::format(
      "rows of the teacher '{}' change over the steps and cannot be cached: leave the key out",
      teacher);
}

StageResult distill_stage(const DistillOptions& options, const DistillInputs& inputs,
                          const StageContext& context) {
  const std::string name = fmt::format("stage{}", inputs.stage);
  const Rng rng = Rng(context.seed).fork(name);
  const Blueprint& blueprint = inputs.space.blueprint();
  const TrainOptions& train = options.train;
  CONCERTINA_ASSERT(inputs.previous != nullptr || options.init != StudentInit::kPreviousStage);
  check_audio(blueprint);
  check_regularization(train.regularization, blueprint);
  check_frames(inputs);
  const PreparedStage stage = prepare(options, inputs, name, context);

  check_needs(options, inputs, name);
  auto objective = stage_objective(options, inputs);
  auto heads = initial_heads(options, *objective, inputs.previous, rng);
  const StageData data = stage_data(inputs.manifest, blueprint, train.batch);
  std::optional<MaskOptions> mask;
  if (options.mask.probability > 0) mask = options.mask;
  const StageTargets targets = stage_targets(options, inputs, *objective, data, stage, context);
  UnitLabels units;
  if (objective->needs().units) {  // of both stages the same
    units = unit_labels(*options.units, data, &inputs.teacher, Rng(context.seed).fork("units"),
                        stage, context);
  }
  BatchContents validation{.units = units.validation, .targets = targets.validation};
  if (traits_of(options.objective).reads_mask || options.masked_only) validation.mask = mask;
  const bool live_rows = has_live_rows(objective->needs().rows, targets.training.get());
  const StageBatches batches =
      stage_batches(data, {mask, units.training, targets.training, stage.augmentation, live_rows},
                    validation, rng, context.shard());
  // Of both stages the same.
  const std::shared_ptr<const BatchSource> statistics =
      make_batch_source({data.training,
                         blueprint,
                         train.batch,
                         {{}, {}, targets.training, {}},
                         Rng(context.seed).fork("statistics")});
  const CropSource crops(
      {data.training, blueprint, train.batch, {mask, {}, {}, {}}, rng.fork("training")});
  map_large_memory();  // until the trainer runs: what is allocated now is kept
  Supernet student = initial_student(options, inputs, crops, rng);
  if (stage.start) {
    std::vector<Parameters::Init> none;
    warm_start(student.weights(), options.fresh_heads ? none : heads, *stage.start,
               train.init_from);
  }
  Learner learner({.student = std::move(student),
                   .objective = std::move(objective),
                   .heads = std::move(heads),
                   .sampler = make_sampler(options.sampler, inputs.space, train.steps, rng),
                   .teachers = all_teachers(inputs),
                   .snapshots = snapshots_of(inputs),
                   .in_place = options.sampler.in_place ? options.sampler.in_place_weight : 0,
                   .rate_scales = train.optimizer.rate_scales,
                   .regularization = train.regularization,
                   .recompute_layers = train.recompute_layers,
                   .masked_only = options.masked_only,
                   .drop_masked = options.drop_masked,
                   .rows_of_other_clips = options.rows_of_other_clips,
                   .rank = context.shard().index,
                   .parts = context.communicator->is_single_process() ? at::get_num_threads() : 1,
                   .dtype = stage.dtype,
                   .device = context.device,
                   .statistics = statistics,
                   .steps = train.steps,
                   .rng = rng.fork("objective")});
  return run_stage(learner, batches, train, to_json(stage.fingerprint), context);
}

}  // namespace concertina
