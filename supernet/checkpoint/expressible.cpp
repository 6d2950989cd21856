#include "supernet/checkpoint/expressible.h"

#include <fmt/format.h>

#include <algorithm>

namespace concertina {
namespace {

// The blueprint with nothing but what HubertModel has options for.
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

// What has a message of its own below, or no effect at the base frame period, set aside.
Blueprint without_known(Blueprint blueprint) {
  blueprint.front_end = FrontEndKind::kWave;
  blueprint.mel = {};
  blueprint.normalize_eps = Blueprint().normalize_eps;  // each package has its own
  blueprint.rate = RateKind::kNone;
  blueprint.positional.interleaved = false;
  blueprint.positional.weight_norm = true;  // any kernel can be written as g and v
  return blueprint;
}

}  // namespace

std::string not_expressible(const Blueprint& blueprint, const Architecture& architecture) {
  std::string problems;
  const auto add = [&](const std::string& what) {
    problems += (problems.empty() ? "" : "; ") + what;
  };
  if (blueprint.front_end != FrontEndKind::kWave) add("a log-mel front end");
  if (architecture.frame_period_us() != blueprint.base_frame_period_us()) {
    add(fmt::format("a frame period of {} ms", architecture.frame_period_us() / 1000.0));
  }
  if (blueprint.positional.interleaved && blueprint.positional.groups > 1) {
    add("interleaved groups of the positional conv");
  }
  if (without_known(blueprint) != plain(blueprint)) add("options that HuBERT does not have");
  const LayerShape& first = architecture.layers().front();
  const auto differs = [&](const LayerShape& layer) {
    return layer.heads != first.heads || layer.ffn_dim != first.ffn_dim;
  };
  if (std::ranges::any_of(architecture.layers(), differs)) {
    add("layers of different heads or FFN widths");
  }
  if (std::ranges::any_of(architecture.layers(), [](const auto& l) { return l.window != 0; })) {
    add("attention windows");
  }
  if (first.heads == 0 || first.ffn_dim == 0) add("layers without attention or feed-forward half");
  const int32_t attention = first.heads * blueprint.head_dim;
  if (attention != architecture.embed_dim()) {
    add(fmt::format("{} heads of {} for an embedding width of {}", first.heads, blueprint.head_dim,
                    architecture.embed_dim()));
  }
  return problems;
}

std::string with_layers_counted(const std::string& name, const Architecture& architecture) {
  const auto& layers = architecture.layers();
  for (size_t i = 0; i < layers.size(); ++i) {
    const std::string start = fmt::format("encoder.layers.{}.", layers[i].index);
    if (name.starts_with(start)) {
      return fmt::format("encoder.layers.{}.{}", i, name.substr(start.size()));
    }
  }
  return name;
}

}  // namespace concertina
