#include "distill/options.h"

#include "distill/train/options_json.h"

namespace concertina {
namespace {

void read_student_sampler(ConfigSection section, DistillOptions& o) {
  read_sampler(section, o.sampler);
  section.read("in_place", o.in_place);
  const bool with_largest =
      o.sampler.kind == SamplerKind::kSandwich || o.sampler.kind == SamplerKind::kPareto;
  check_option(section, "in_place", !o.in_place || with_largest,
               "kind: sandwich or pareto with it, for the smaller subnets learn from the largest");
}

// What is known of LightHuBERT's training: paper, checkpoints and issues; the optimiser is data2vec
// audio base's, whose settings it shares where they are known. Explicit keys override.
void apply_lighthubert(DistillOptions& o, int32_t stage) {
  o.objective = {.kind = "layer_mean", .top = 8, .distance = "l1", .instance_norm = true};
  o.mask_probability = 0.65;
  o.mask_length = 10;
  o.in_place = false;
  o.sampler = {};
  if (stage > 1) o.sampler.kind = SamplerKind::kRandom;
  OptimizerOptions& optimizer = o.train.optimizer;
  optimizer = {};
  optimizer.lr = 5e-4;
  optimizer.warmup = 0.03;
  optimizer.clip = 0;
}

}  // namespace

DistillOptions DistillOptions::from_config(ConfigSection section, int32_t stage) {
  DistillOptions o;
  o.train.steps = stage == 1 ? 450 : 650;
  o.train.optimizer.lr = 1e-3;
  o.init = stage == 1 ? StudentInit::kTeacher : StudentInit::kPreviousStage;
  o.sampler.kind = stage == 1 ? SamplerKind::kLargest : SamplerKind::kSandwich;
  int32_t preset = 0;
  section.read_choice("preset", {"concertina", "lighthubert"}, preset);
  if (preset == 1) apply_lighthubert(o, stage);
  read_train(section, o.train);
  read_objective(section.section("objective"), o.objective);
  auto init = static_cast<int32_t>(o.init);
  section.read_choice("init", {"teacher", "random", "previous"}, init);
  o.init = static_cast<StudentInit>(init);
  check_option(section, "init_from", o.train.init_from.empty() || !section.has("init"),
               "either init or init_from");
  if (!o.train.init_from.empty()) o.init = StudentInit::kFolder;
  check_option(section, "init", stage > 1 || o.init != StudentInit::kPreviousStage,
               "teacher or random: stage 1 has no stage before it");
  read_student_sampler(section.section("sampler"), o);
  read_cache(section.section("cache"), o.cache);
  read_mask(section.section("mask"), o.mask_probability, o.mask_length);
  return o;
}

std::string to_json(const DistillOptions& o) {
  constexpr const char* kInits[] = {"teacher", "random", "previous", "folder"};
  constexpr const char* kSamplers[] = {"largest", "random", "sandwich", "pareto", "whole"};
  nlohmann::ordered_json json;
  add_train_options(json, o.train);
  json["objective"] = {{"kind", o.objective.kind},
                       {"top", o.objective.top},
                       {"distance", o.objective.distance},
                       {"instance_norm", o.objective.instance_norm}};
  json["init"] = kInits[static_cast<size_t>(o.init)];
  json["sampler"] = {{"kind", kSamplers[static_cast<size_t>(o.sampler.kind)]},
                     {"random", o.sampler.random},
                     {"in_place", o.in_place}};
  if (o.sampler.kind == SamplerKind::kPareto) json["sampler"]["candidates"] = o.sampler.candidates;
  if (o.sampler.progressive > 0) json["sampler"]["progressive"] = o.sampler.progressive;
  json["mask"] = mask_json(o.mask_probability, o.mask_length);
  if (o.cache != CacheDtype::kNone) {
    json["cache"] = {{"dtype", o.cache == CacheDtype::kInt8 ? "int8" : "fp16"}};
  }
  return json.dump();
}

}  // namespace concertina
