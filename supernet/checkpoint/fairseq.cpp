#include "supernet/checkpoint/fairseq.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "core/errors.h"
#include "supernet/checkpoint/conv_spec.h"
#include "supernet/checkpoint/encoder_sizes.h"

namespace concertina {
namespace {

// Prefixes of the settings of encoder and task: in a fine-tuned model below those of the task, in
// older files in "args", in WavLM's directly in "cfg", in s3prl's copies in "model_cfg".
struct Place {
  const char* model;
  const char* task;
};
constexpr Place kPlaces[] = {{"cfg.model.w2v_args.model.", "cfg.model.w2v_args.task."},
                             {"cfg.model.w2v_args.", "cfg.model.w2v_args."},
                             {"args.w2v_args.model.", "args.w2v_args.task."},
                             {"args.w2v_args.", "args.w2v_args."},
                             {"cfg.model.", "cfg.task."},
                             {"args.", "args."},
                             {"cfg.", "cfg."},
                             {"model_cfg.", "task_cfg."}};

Place find_place(const Settings& settings) {
  for (const Place& place : kPlaces) {
    for (const char* key : {"_name", "extractor_mode", "encoder_layers", "conv_feature_layers"}) {
      if (settings.has(place.model + std::string(key))) return place;
    }
  }
  throw InputError(
      fmt::format("{} has tensors but no configuration of its model (cfg, args or model_cfg): for "
                  "a bare state dict put "
                  "transformers' config.json next to it and give the folder",
                  settings.name()));
}

std::string kind_of(const Settings& settings, const Place& place) {
  const std::string name = settings.text(place.model + std::string("_name"));
  if (settings.has(place.model + std::string("relative_position_embedding"))) return "WavLM";
  if (name == "student_hubert") return "LightHuBERT stage 1";
  if (name == "hubert_pruner") {
    std::string space = settings.text(place.model + std::string("pruner_supernet"));
    std::ranges::transform(space, space.begin(), [](unsigned char c) { return std::tolower(c); });
    if (space.ends_with("small.yaml")) return "LightHuBERT small supernet";
    if (space.ends_with("base.yaml")) return "LightHuBERT base supernet";
    throw InputError(
        fmt::format("{}: {}pruner_supernet '{}' names neither base.yaml nor "
                    "small.yaml",
                    settings.name(), place.model, space));
  }
  if (name.starts_with("wav2vec") || settings.text("args.arch").starts_with("wav2vec2")) {
    return "wav2vec 2.0";
  }
  if (name.empty() || name == "hubert" || name == "hubert_ctc") return "HuBERT";
  throw InputError(
      fmt::format("{}: {}_name '{}' is not a model that can be imported: expected "
                  "hubert, hubert_pruner, student_hubert or wav2vec2",
                  settings.name(), place.model, name));
}

void check_fairseq_options(SettingsReader& reader) {
  reader.expect("activation_fn", "gelu");
  reader.expect("layer_type", "transformer");
  int32_t depth = 1;
  reader.read("pos_conv_depth", depth, 1, kMaxForeignLayers);
  if (depth != 1) reader.problem("pos_conv_depth", fmt::format("{} is not supported, 1 is", depth));
}

RelativePosition read_relative_position(SettingsReader& reader) {
  RelativePosition bias;
  bool biased = false;
  reader.read("relative_position_embedding", biased);
  if (!biased) return bias;
  bias.buckets = 320;
  reader.read("num_buckets", bias.buckets, 4, kMaxForeignWidth);
  reader.read("max_distance", bias.max_distance, 2, kMaxForeignWidth);
  bias.gated = false;
  reader.read("gru_rel_pos", bias.gated);
  return bias;
}

bool is_lighthubert_size(const Blueprint& blueprint, const Architecture& architecture) {
  Blueprint fixed;  // the package supports one size, in either extractor mode
  fixed.wave.norm = blueprint.wave.norm;
  fixed.normalize_waveform = blueprint.normalize_waveform;
  return blueprint == fixed && architecture == homogeneous(fixed, std::vector<int32_t>(7, 512), {});
}

}  // namespace

ForeignModel fairseq_model(const Settings& settings) {
  const Place place = find_place(settings);
  ForeignModel model{.kind = kind_of(settings, place)};
  const bool lighthubert = model.kind.starts_with("LightHuBERT");
  SettingsReader reader(settings, place.model);
  Blueprint blueprint;
  const EncoderSizes sizes = read_encoder_sizes(reader, kFairseqSizeKeys, blueprint);
  const std::vector<int32_t> channels = read_fairseq_front_end(
      reader, blueprint.wave, lighthubert ? "layer_norm" : "default", "conv_feature_layers");
  bool norm_first = false;
  reader.read("layer_norm_first", norm_first);
  blueprint.norm_position = norm_first ? NormPosition::kPre : NormPosition::kPost;
  blueprint.relative_position = read_relative_position(reader);
  check_fairseq_options(reader);
  reader.finish();
  blueprint.projection = channels.back() != sizes.embed_dim;  // fairseq has none of equal widths
  blueprint.normalize_waveform = lighthubert && blueprint.wave.norm == ExtractorNorm::kLayer;
  SettingsReader task(settings, place.task);
  task.read("normalize", blueprint.normalize_waveform);
  task.finish();

  model.storage.shape = homogeneous(blueprint, channels, sizes);
  if (lighthubert) model.storage.rule = SlicingRule::kLightHubert;
  if (model.kind.ends_with("supernet")) {
    const bool small = model.kind.find("small") != std::string::npos;
    model.space = small ? LightHubertSpace::kSmall : LightHubertSpace::kBase;
  }
  model.blueprint = std::move(blueprint);
  return model;
}

NamedSettings fairseq_settings(const Blueprint& blueprint, const Architecture& architecture,
                               std::optional<LightHubertSpace> space) {
  const LayerShape& layer = architecture.layers().front();
  NamedSettings settings;
  std::string name = "hubert";
  if (is_lighthubert_size(blueprint, architecture)) {
    name = space ? "hubert_pruner" : "student_hubert";
    if (space) {
      const bool small = *space == LightHubertSpace::kSmall;
      settings.emplace_back("pruner_supernet", std::string(small ? "small.yaml" : "base.yaml"));
    }
  }
  const bool layer_norms = blueprint.wave.norm == ExtractorNorm::kLayer;
  settings.insert(settings.end(),
                  {{"_name", name},
                   {"extractor_mode", std::string(layer_norms ? "layer_norm" : "default")},
                   {"encoder_layers", int64_t{architecture.depth()}},
                   {"encoder_embed_dim", int64_t{architecture.embed_dim()}},
                   {"encoder_ffn_embed_dim", int64_t{layer.ffn_dim}},
                   {"encoder_attention_heads", int64_t{layer.heads}},
                   {"layer_norm_first", blueprint.norm_position == NormPosition::kPre},
                   {"conv_feature_layers",
                    conv_spec_text({architecture.conv_channels(), blueprint.wave.layers})},
                   {"conv_bias", blueprint.wave.bias},
                   {"conv_pos", int64_t{blueprint.positional.kernel}},
                   {"conv_pos_groups", int64_t{blueprint.positional.groups}}});
  return settings;
}

}  // namespace concertina
