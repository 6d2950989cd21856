#include "distill/pretrain/options.h"

#include <algorithm>
#include <string>

#include "distill/train/options_json.h"

namespace concertina {
namespace {

void read_units(ConfigSection section, UnitOptions& o) {
  int32_t features = 0;
  std::string model;
  section.read_choice("features", {"mfcc", "layer"}, features);
  section.read("model", model);
  section.read("layer", o.layer, {0, 1000});
  o.features = features == 1 ? "layer" : "mfcc";
  o.model = model;
  check_option(section, "model", model.empty() == (features == 0),
               "the file of a trained model with features: layer, and none with mfcc");
  check_option(section, "layer", features == 1 ? o.layer >= 1 : o.layer == 0,
               "a layer of the model, counted from 1, with features: layer");
  section.read("coefficients", o.coefficients, {1, 40});
  section.read("splice", o.splice, {1, 1000});
  section.read("clusters", o.clusters, {2, 32767});
  section.read("sample_frames", o.sample_frames, {2, 1e9});
  section.read("iterations", o.iterations, {1, 10000});
  check_option(section, "sample_frames", o.sample_frames >= o.clusters,
               "at least as many frames as clusters");
}

}  // namespace

PretrainOptions PretrainOptions::from_config(ConfigSection section) {
  PretrainOptions o;
  read_train(section, o.train);
  read_units(section.section("units"), o.units);
  read_mask(section.section("mask"), o.mask_probability, o.mask_length);
  section.read("unmasked_weight", o.unmasked_weight, {0, 1000});
  section.read("layers", o.layers);
  const auto one_based = [](int32_t layer) { return layer >= 1; };
  check_option(section, "layers", std::all_of(o.layers.begin(), o.layers.end(), one_based),
               "layer numbers, counted from 1");
  return o;
}

std::string to_json(const PretrainOptions& o) {
  nlohmann::ordered_json json;
  add_train_options(json, o.train);
  json["units"] = {{"features", o.units.features},
                   {"coefficients", o.units.coefficients},
                   {"splice", o.units.splice},
                   {"clusters", o.units.clusters},
                   {"sample_frames", o.units.sample_frames},
                   {"iterations", o.units.iterations}};
  if (o.units.layer > 0) json["units"]["layer"] = o.units.layer;  // of which model: an input
  json["mask"] = mask_json(o.mask_probability, o.mask_length);
  json["unmasked_weight"] = o.unmasked_weight;
  json["layers"] = o.layers;
  return json.dump();
}

}  // namespace concertina
