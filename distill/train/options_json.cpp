#include "distill/train/options_json.h"

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

}  // namespace

void add_train_options(nlohmann::ordered_json& json, const TrainOptions& o) {
  json["steps"] = o.steps;
  json["optimizer"] = json_of(o.optimizer);
  json["batch"] = json_of(o.batch);
  if (o.augment.any()) json["augment"] = json_of(o.augment);
  json["validate_every"] = o.validate_every;
  json["validation_crops"] = o.validation_crops;
}

nlohmann::ordered_json mask_json(double probability, int32_t length) {
  return {{"probability", probability}, {"length", length}};
}

}  // namespace concertina
