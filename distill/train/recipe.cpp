#include "distill/train/recipe.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "core/files.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const OptimizerOptions& o) {
  return {{"lr", o.lr},
          {"warmup", o.warmup},
          {"final_lr", o.final_lr},
          {"beta1", o.beta1},
          {"beta2", o.beta2},
          {"eps", o.eps},
          {"weight_decay", o.weight_decay},
          {"clip", o.clip}};
}

Json json_of(const BatchOptions& o) {
  Json json = {{"crops", o.crops}, {"seconds", o.seconds}, {"sources", o.source_weight}};
  if (o.within_clips) json.update({{"within_clips", true}, {"shortest", o.shortest}});
  if (o.whole_clips) {
    json = {{"whole_clips", true},
            {"budget", o.budget},
            {"longest", o.longest},
            {"shortest", o.shortest},
            {"sources", o.source_weight}};
  }
  return json;
}

Json json_of(const DecibelRange& range) { return {range.low, range.high}; }

// Noise clips count by their content, among the run's inputs.
Json json_of(const AugmentOptions& o) {
  Json json;
  if (o.mixing.probability > 0) {
    json["mixing"] = {{"probability", o.mixing.probability},
                      {"noise_probability", o.mixing.noise_probability},
                      {"longest", o.mixing.longest},
                      {"utterance_snr", json_of(o.mixing.utterance_snr)},
                      {"noise_snr", json_of(o.mixing.noise_snr)}};
  }
  if (o.noise.probability > 0)
    json["noise"] = {{"probability", o.noise.probability}, {"snr", json_of(o.noise.snr)}};
  if (o.band_limit.probability > 0) {
    json["band_limit"] = {{"probability", o.band_limit.probability},
                          {"cutoff", {o.band_limit.lowest, o.band_limit.highest}}};
  }
  return json;
}

void add_common(Json& json, const TrainOptions& o) {
  json["steps"] = o.steps;
  json["optimizer"] = json_of(o.optimizer);
  json["batch"] = json_of(o.batch);
  if (o.augment.any()) json["augment"] = json_of(o.augment);
  json["validate_every"] = o.validate_every;
  json["validation_crops"] = o.validation_crops;
}

Json mask_of(double probability, int32_t length) {
  return {{"probability", probability}, {"length", length}};
}

void append_yaml(const Json& json, int32_t indent, std::string& out) {
  for (const auto& [key, value] : json.items()) {
    out += fmt::format("{:{}}{}:", "", indent, key);
    if (value.is_object() && !value.empty()) {
      out += '\n';
      append_yaml(value, indent + 2, out);
    } else {
      out += ' ' + value.dump() + '\n';  // JSON scalars and lists are YAML
    }
  }
}

}  // namespace

std::string to_json(const PretrainOptions& o) {
  Json json;
  add_common(json, o.train);
  json["units"] = {{"features", o.units.features},
                   {"coefficients", o.units.coefficients},
                   {"splice", o.units.splice},
                   {"clusters", o.units.clusters},
                   {"sample_frames", o.units.sample_frames},
                   {"iterations", o.units.iterations}};
  if (o.units.layer > 0) json["units"]["layer"] = o.units.layer;  // of which model: an input
  json["mask"] = mask_of(o.mask_probability, o.mask_length);
  json["unmasked_weight"] = o.unmasked_weight;
  json["layers"] = o.layers;
  return json.dump();
}

std::string to_json(const DistillOptions& o) {
  constexpr const char* kInits[] = {"teacher", "random", "previous", "folder"};
  constexpr const char* kSamplers[] = {"largest", "random", "sandwich", "pareto", "whole"};
  Json json;
  add_common(json, o.train);
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
  json["mask"] = mask_of(o.mask_probability, o.mask_length);
  if (o.cache != CacheDtype::kNone) {
    json["cache"] = {{"dtype", o.cache == CacheDtype::kInt8 ? "int8" : "fp16"}};
  }
  return json.dump();
}

std::string recipe_json(const RecipeParts& parts) {
  Json json;
  json["seed"] = parts.seed;
  json["dtype"] = parts.dtype;
  json["data"] = parts.data;
  json["inputs"] = parts.inputs;
  json[parts.name] = Json::parse(parts.options);
  json["space"] = Json::parse(parts.space);
  return json.dump();
}

std::string provenance_json(const std::string& recipe, int64_t steps_done) {
  Json json = Json::parse(recipe);
  json["steps_done"] = steps_done;
  return json.dump();
}

std::map<std::string, std::string> noise_input(
    const std::shared_ptr<const Augmentation>& augmentation) {
  const std::string noise = augmentation ? augmentation->noise_fingerprint() : "";
  if (noise.empty()) return {};
  return {{"noise", noise}};
}

std::string weights_sha256(const Supernet& model) {
  std::string digests;
  for (const auto& [name, tensor] : model.weights()) {
    const at::Tensor plain = tensor.to(at::kCPU).contiguous();
    const std::string_view bytes(static_cast<const char*>(plain.const_data_ptr()), plain.nbytes());
    digests += fmt::format("{} {}\n", name, sha256(bytes));
  }
  return sha256(digests);
}

std::string yaml_of(const std::string& json) {
  std::string out;
  append_yaml(Json::parse(json), 0, out);
  return out;
}

}  // namespace concertina
