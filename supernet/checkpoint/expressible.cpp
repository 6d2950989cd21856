#include "supernet/checkpoint/expressible.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "supernet/checkpoint/whisper.h"

namespace concertina {
namespace {

// The blueprint with only what the packages have options for.
Blueprint plain(const Blueprint& blueprint) {
  Blueprint hubert;
  hubert.sample_rate = blueprint.sample_rate;
  hubert.wave.layers = blueprint.wave.layers;
  hubert.wave.norm = blueprint.wave.norm;
  hubert.wave.bias = blueprint.wave.bias;
  hubert.normalize_waveform = blueprint.normalize_waveform;
  hubert.norm_position = blueprint.norm_position;
  hubert.head_dim = blueprint.head_dim;
  hubert.positional.kernel = blueprint.positional.kernel;
  hubert.positional.groups = blueprint.positional.groups;
  return hubert;
}

// Without options that have a message of their own below or no effect at the base frame period.
Blueprint without_known(Blueprint blueprint) {
  blueprint.front_end = FrontEndKind::kWave;
  blueprint.mel = {};
  blueprint.whisper = {};
  blueprint.wave.feature_norm = true;
  blueprint.projection = true;
  blueprint.normalize_eps = Blueprint().normalize_eps;  // each package has its own
  blueprint.rate = RateKind::kNone;
  blueprint.positional.interleaved = false;
  blueprint.positional.weight_norm = true;  // any kernel can be written as g and v
  blueprint.relative_position = {};
  return blueprint;
}

using Problems = std::vector<std::string>;

void check_front_end(const Blueprint& blueprint, const Architecture& architecture, Naming package,
                     Problems& problems) {
  if (is_whisper(blueprint)) {
    problems.emplace_back("Whisper's front end");
    return;
  }
  if (blueprint.front_end != FrontEndKind::kWave) {
    problems.emplace_back("a log-mel front end");
    return;
  }
  const bool fairseq = package == Naming::kFairseq;
  if (!blueprint.wave.feature_norm && (fairseq || blueprint.relative_position.buckets > 0)) {
    problems.emplace_back("features without a LayerNorm");
  }
  const int32_t features = blueprint.front_end_dim(architecture.conv_channels());
  if (fairseq && blueprint.projection && features == architecture.embed_dim()) {
    problems.emplace_back("a projection of the features to the width they have");
  }
}

// WhisperEncoder has options for sizes only.
void check_whisper(const Blueprint& blueprint, Problems& problems) {
  Blueprint theirs;
  theirs.front_end = FrontEndKind::kWhisper;
  theirs.whisper = blueprint.whisper;
  theirs.key_bias = false;
  theirs.norm_position = NormPosition::kPre;
  theirs.head_dim = blueprint.head_dim;
  theirs.positional = {.kernel = 0, .groups = 1, .weight_norm = false};
  theirs.position_embeddings = blueprint.position_embeddings;
  Blueprint ours = blueprint;
  ours.rate = theirs.rate;
  if (ours != theirs) problems.emplace_back("options that Whisper does not have");
  if (blueprint.position_embeddings == 0) problems.emplace_back("no positions");
}

void check_period(const Blueprint& blueprint, const Architecture& architecture,
                  Problems& problems) {
  if (architecture.frame_period_us() == blueprint.base_frame_period_us()) return;
  problems.push_back(
      fmt::format("a frame period of {} ms", architecture.frame_period_us() / 1000.0));
}

void check_position_bias(const Blueprint& blueprint, Naming package, Problems& problems) {
  const RelativePosition& bias = blueprint.relative_position;
  if (bias.buckets == 0) return;
  if (package == Naming::kFairseq) problems.emplace_back("a relative position bias");
  if (!bias.gated) problems.emplace_back("a relative position bias without a gate");
}

void check_layers(const Blueprint& blueprint, const Architecture& architecture,
                  Problems& problems) {
  const LayerShape& first = architecture.layers().front();
  const auto differs = [&](const LayerShape& layer) {
    return layer.heads != first.heads || layer.ffn_dim != first.ffn_dim;
  };
  if (std::ranges::any_of(architecture.layers(), differs)) {
    problems.emplace_back("layers of different heads or FFN widths");
  }
  if (std::ranges::any_of(architecture.layers(), [](const auto& l) { return l.window != 0; })) {
    problems.emplace_back("attention windows");
  }
  if (std::ranges::any_of(architecture.layers(), &LayerShape::is_linear)) {
    problems.emplace_back("linear attention");
  }
  if (first.heads == 0 || first.ffn_dim == 0) {
    problems.emplace_back("layers without attention or feed-forward half");
  }
  if (first.heads * blueprint.head_dim != architecture.embed_dim()) {
    problems.push_back(fmt::format("{} heads of {} for an embedding width of {}", first.heads,
                                   blueprint.head_dim, architecture.embed_dim()));
  }
}

}  // namespace

std::string not_expressible(const Blueprint& blueprint, const Architecture& architecture,
                            Naming package) {
  Problems problems;
  if (is_whisper(blueprint) && package == Naming::kTransformers) {
    check_whisper(blueprint, problems);
    check_period(blueprint, architecture, problems);
    check_layers(blueprint, architecture, problems);
    return fmt::format("{}", fmt::join(problems, "; "));
  }
  check_front_end(blueprint, architecture, package, problems);
  check_period(blueprint, architecture, problems);
  if (blueprint.positional.interleaved && blueprint.positional.groups > 1) {
    problems.emplace_back("interleaved groups of the positional conv");
  }
  check_position_bias(blueprint, package, problems);
  if (without_known(blueprint) != plain(blueprint)) {
    problems.emplace_back("options that HuBERT does not have");
  }
  check_layers(blueprint, architecture, problems);
  return fmt::format("{}", fmt::join(problems, "; "));
}

}  // namespace concertina
