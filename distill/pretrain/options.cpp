#include "distill/pretrain/options.h"

#include <utility>

#include "core/option_table.h"

namespace concertina {
namespace {

Option<UnitOptions> features_of_pretraining() {
  return option("features", &UnitOptions::features,
                "what k-means clusters: mfcc, or hidden states of a layer of `model`")
      .among({UnitSource::kMfcc, UnitSource::kLayer});
}

Option<UnitOptions> features_of_stages() {
  return option("features", &UnitOptions::features,
                "what k-means clusters: mfcc, or hidden states of a layer of `model` or of the "
                "teacher");
}

OptionTable<UnitOptions> unit_table(Option<UnitOptions> features) {
  using O = UnitOptions;
  return {
      std::move(features),
      option("coefficients", &O::coefficients, "MFCC coefficients per frame").within({1, 40}),
      option("splice", &O::splice, "neighbouring 10 ms MFCC frames that are concatenated")
          .within({1, 1000})
          .unit("frames"),
      option("clusters", &O::clusters, "clusters of k-means, which are the units")
          .within({2, 32767}),
      option("sample_frames", &O::sample_frames, "frames that k-means is fitted on")
          .within({2, 1e9})
          .require([](const O& o) { return o.sample_frames >= o.clusters; },
                   "expected at least as many frames as clusters"),
      option("iterations", &O::iterations, "iterations of k-means").within({1, 10000}),
      option("restarts", &O::restarts,
             "further runs of k-means from other initial centroids; the one with the lowest mean "
             "squared distance is kept")
          .within({0, 1000})
          .in_fingerprint_if([](const O& o) { return o.restarts > 0; }),
      // In the config fingerprint by its content, among the run's inputs.
      option("model", &O::model, "trained model, with features: layer")
          .relative_to_file()
          .not_in_fingerprint()
          .require([](const O& o) { return o.model.empty() == (o.features != UnitSource::kLayer); },
                   "expected the file of a trained model with features: layer, and none otherwise"),
      option("layer", &O::layer, "of the model; 1: the first layer's output")
          .within({0, 1000})
          .in_fingerprint_if([](const O& o) { return o.layer > 0; })
          .require([](const O& o) { return (o.features != UnitSource::kMfcc) == (o.layer >= 1); },
                   "expected a layer of the model, counted from 1, and none with features: mfcc"),
  };
}

}  // namespace

const OptionTable<UnitOptions>& pretrain_unit_table() {
  static const OptionTable<UnitOptions> table = unit_table(features_of_pretraining());
  return table;
}

const OptionTable<UnitOptions>& stage_unit_table() {
  static const OptionTable<UnitOptions> table = unit_table(features_of_stages());
  return table;
}

const OptionTable<PretrainOptions>& pretrain_table() {
  using O = PretrainOptions;
  static const OptionTable<O> table = {
      flattened(&O::train, train_table()),
      subsection("units", &O::units, pretrain_unit_table()),
      subsection("mask", &O::mask, mask_table()),
      option("unmasked_weight", &O::unmasked_weight,
             "weight of the loss on unmasked frames; HuBERT: 0")
          .within({0, 1000}),
      option("layers", &O::layers,
             "layers that predict units, counted from 1 (ILS-SSL); the last layer always does")
          .within({1, 1000}),
      option("codeword_dim", &O::codeword_dim,
             "logits are cosines with a trained codeword of each unit, of this dimension, over "
             "`temperature` (HuBERT: 256); 0: linear heads")
          .within({0, 1e5})
          .in_fingerprint_if([](const O& o) { return o.codeword_dim > 0; }),
      option("temperature", &O::temperature, "of cosines with codewords")
          .within({1e-4, 1e4})
          .in_fingerprint_if([](const O& o) { return o.codeword_dim > 0; }),
  };
  return table;
}

PretrainOptions PretrainOptions::from_config(ConfigSection section) {
  PretrainOptions options;
  pretrain_table().read(std::move(section), options);
  return options;
}

std::string to_json(const PretrainOptions& options) {
  return pretrain_table().fingerprint_json(options);
}

}  // namespace concertina
