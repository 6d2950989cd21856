#include "supernet/checkpoint/distiller.h"

#include <fmt/format.h>

#include <utility>

#include "core/errors.h"
#include "supernet/checkpoint/encoder_sizes.h"

namespace concertina {
namespace {

constexpr EncoderSizes kDefaultSizes = {.layers = 1};

void check_distiller_options(SettingsReader& reader) {
  reader.expect("activation_fn", "gelu");
  reader.expect("attention_type", "original");
  std::string tasks = "expand-last";
  reader.read("task_emb_type", tasks);
  if (tasks == "add" || tasks == "concat") {
    reader.problem("task_emb_type",
                   fmt::format("'{}' makes the encoder's input another one for each predicted "
                               "layer, which is not supported",
                               tasks));
  }
}

}  // namespace

ForeignModel distiller_model(const Settings& settings) {
  SettingsReader reader(settings, "distiller.");
  if (!reader.has("encoder_layers") && !reader.has("encoder_embed_dim")) {
    throw InputError(fmt::format(
        "{} holds a Distiller without its settings: expected Config.distiller", settings.name()));
  }
  ForeignModel model{.kind = "DistilHuBERT"};
  Blueprint blueprint;
  blueprint.wave.feature_norm = false;
  const EncoderSizes sizes = read_encoder_sizes(reader, kFairseqSizeKeys, blueprint, kDefaultSizes);
  const std::vector<int32_t> channels =
      read_fairseq_front_end(reader, blueprint.wave, "default", "extractor_conv_feature_layers");
  bool norm_first = false;
  reader.read("layer_norm_first", norm_first);
  blueprint.norm_position = norm_first ? NormPosition::kPre : NormPosition::kPost;
  check_distiller_options(reader);
  reader.finish();
  blueprint.projection = channels.back() != sizes.embed_dim;
  model.storage.shape = homogeneous(blueprint, channels, sizes);
  model.blueprint = std::move(blueprint);
  return model;
}

}  // namespace concertina
