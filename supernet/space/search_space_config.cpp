#include "supernet/space/search_space_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "core/errors.h"
#include "supernet/space/blueprint_config.h"
#include "supernet/space/enum_text.h"
#include "supernet/space/limits.h"
#include "supernet/space/resolve.h"
#include "supernet/space/violations.h"

namespace concertina {
namespace {

constexpr Bounds kWidths{0, kMaxWidth};

void report(ConfigSection section, const Violation& violation) {
  const size_t dot = violation.key.find('.');
  if (dot == std::string::npos) {
    section.problem(violation.key, violation.text());
  } else {
    section.section(violation.key.substr(0, dot))
        .problem(violation.key.substr(dot + 1), violation.text());
  }
}

Blueprint read_blueprint(ConfigSection& section, const ConfigFile& file) {
  if (section.is_map("blueprint")) return blueprint_from_config(section.section("blueprint"));
  std::string path;
  section.read("blueprint", path);
  if (path.empty()) {
    section.problem("blueprint", "a blueprint is needed: the path of its file, or a map");
    return {};
  }
  try {
    ConfigFile blueprint_file = ConfigFile::load(file.resolve(path));
    Blueprint blueprint = blueprint_from_config(blueprint_file.root());
    blueprint_file.finish();
    return blueprint;
  } catch (const InputError& error) {
    section.problem("blueprint", error.what());
    return {};
  }
}

int32_t to_us(double milliseconds) {
  // Out-of-range values become 0, which is a violation.
  return milliseconds > 0 && milliseconds < 1e6
             ? static_cast<int32_t>(std::lround(milliseconds * 1000))
             : 0;
}

std::vector<int32_t> to_us(const std::vector<double>& milliseconds) {
  std::vector<int32_t> us;
  for (double each : milliseconds) us.push_back(to_us(each));
  return us;
}

// One width for the whole stack, or a comma list with one for each conv layer.
std::optional<std::vector<int32_t>> parse_stack(const std::string& text, size_t conv_layers) {
  std::vector<int32_t> widths;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    int32_t width = 0;
    const auto [next, error] = std::from_chars(at, end, width);
    if (error != std::errc()) return std::nullopt;
    widths.push_back(width);
    if (next == end) break;
    if (*next != ',') return std::nullopt;
    at = next + 1;
  }
  if (widths.size() == 1) widths.assign(conv_layers, widths.front());
  return widths;
}

std::vector<std::vector<int32_t>> read_stacks(ConfigSection& section, const Blueprint& blueprint) {
  std::vector<std::string> texts;
  section.read("conv_channels", texts);
  std::vector<std::vector<int32_t>> stacks;
  for (const std::string& text : texts) {
    if (auto widths = parse_stack(text, blueprint.wave.layers.size())) {
      stacks.push_back(std::move(*widths));
    } else {
      section.problem(
          "conv_channels",
          fmt::format("'{}' is not a width: expected a number for the whole stack, or a "
                      "comma list with one for each conv layer",
                      text));
    }
  }
  return stacks;
}

std::vector<AttentionKind> read_attention(ConfigSection& section, std::vector<std::string> names) {
  section.read("attention", names);
  std::vector<AttentionKind> kinds;
  for (size_t i = 0; i < names.size(); ++i) {
    const auto found = std::ranges::find(kAttentionNames, names[i]);
    if (found != kAttentionNames.end()) {
      kinds.push_back(static_cast<AttentionKind>(found - kAttentionNames.begin()));
    } else {
      section.problem("attention", i,
                      fmt::format("expected linear or softmax, found '{}'{}", names[i],
                                  did_you_mean(names[i], kAttentionNames)));
    }
  }
  return kinds;
}

void read_depth(ConfigSection depth, SpaceChoices& choices) {
  depth.read("of", choices.storage_depth, {0, kMaxLayers});
  depth.read("keep", choices.depth);
  read_enum(depth, "policy", kPolicyNames, choices.policy);
  ConfigSection sets = depth.section("sets");
  for (const std::string& key : sets.keys()) {
    std::vector<int32_t> layers;
    sets.read(key, layers);
    if (key != std::to_string(layers.size())) {
      sets.problem(key, fmt::format("{} layers are listed for a depth of {}", layers.size(), key));
    }
    choices.explicit_sets.push_back(std::move(layers));
  }
}

SpaceChoices read_choices(ConfigSection& section, const Blueprint& blueprint) {
  SpaceChoices choices;
  choices.conv_channels = read_stacks(section, blueprint);
  section.read("embed_dim", choices.embed_dim);
  section.read("heads", choices.heads);
  section.read("ffn_ratio", choices.ffn_ratio);
  section.read("window", choices.window);
  choices.attention = read_attention(section, {name_of(kAttentionNames, AttentionKind::kSoftmax)});
  std::vector<double> periods = {blueprint.base_frame_period_us() / 1000.0};
  section.read("frame_period_ms", periods);
  choices.frame_period_us = to_us(periods);
  read_depth(section.section("depth"), choices);
  return choices;
}

SpaceDefault read_default(ConfigSection section, const Blueprint& blueprint) {
  SpaceDefault values;
  const auto stacks = read_stacks(section, blueprint);
  if (stacks.size() > 1) section.problem("conv_channels", "one value is expected");
  if (!stacks.empty()) values.conv_channels = stacks.front();
  section.read("embed_dim", values.embed_dim, kWidths);
  section.read("heads", values.heads, kWidths);
  section.read("ffn_ratio", values.ffn_ratio, {0, 1000});
  section.read("window", values.window, {0, 1e6});
  if (section.has("attention")) {
    AttentionKind attention{};
    read_enum(section, "attention", kAttentionNames, attention);
    values.attention = attention;
  }
  section.read("depth", values.depth, {0, kMaxLayers});
  double period = 0;
  section.read("frame_period_ms", period, {0, 1e4});
  if (section.has("frame_period_ms")) values.frame_period_us = to_us(period);
  return values;
}

SlicingRule read_rule(ConfigSection storage) {
  SlicingRule rule = SlicingRule::kPrefix;
  read_enum(storage, "rule", kRuleNames, rule);
  return rule;
}

// `largest` is a key; the numbers replace those of the widest layer, which all layers have.
std::optional<Architecture> read_storage(ConfigSection storage, const Blueprint& blueprint,
                                         const Architecture& own) {
  std::string key;
  storage.read("largest", key);
  int32_t embed = own.embed_dim(), depth = own.depth();
  LayerShape shape = own.layers().front();
  storage.read("embed_dim", embed, kWidths);
  storage.read("heads", shape.heads, kWidths);
  storage.read("ffn_dim", shape.ffn_dim, {0, 1e6});
  storage.read("depth", depth, {1, kMaxLayers});
  const auto stacks = read_stacks(storage, blueprint);
  try {
    if (!key.empty()) return architecture_from_key(blueprint, key);
    if (depth < 1 || depth > kMaxLayers) {
      throw InputError(fmt::format("depth must be 1 to {}", kMaxLayers));
    }
    std::vector<LayerShape> layers;
    for (shape.index = 0; shape.index < depth; ++shape.index) layers.push_back(shape);
    return Architecture(stacks.empty() ? own.conv_channels() : stacks.front(), embed,
                        own.frame_period_us(), layers);
  } catch (const InputError& error) {
    storage.problem(key.empty() ? "" : "largest", error.what());
    return std::nullopt;
  }
}

SearchSpace read_single(ConfigSection& section, const Blueprint& blueprint) {
  std::string key;
  section.read("architecture", key);
  const SlicingRule rule = read_rule(section.section("storage"));
  try {
    return SearchSpace::single(blueprint, {architecture_from_key(blueprint, key), rule});
  } catch (const InputError& error) {
    section.problem("architecture", error.what());
    return {};
  }
}

}  // namespace

SearchSpace load_search_space(const std::filesystem::path& path) {
  ConfigFile file = ConfigFile::load(path);
  SearchSpace space = search_space_from_config(file.root(), file);
  file.finish();
  return space;
}

SearchSpace search_space_from_json(std::string_view json) {
  ConfigFile file = ConfigFile::parse(std::string(json), "search space");
  if (!file.root().is_map("blueprint")) {
    throw InputError("search space: its blueprint is missing or not a map");
  }
  SearchSpace space = search_space_from_config(file.root(), file);
  file.finish();
  return space;
}

SearchSpace search_space_from_config(ConfigSection section, const ConfigFile& file) {
  const Blueprint blueprint = read_blueprint(section, file);
  if (section.has("architecture")) return read_single(section, blueprint);
  const SpaceChoices choices = read_choices(section, blueprint);
  const SpaceDefault values = read_default(section.section("default"), blueprint);
  ConfigSection storage_section = section.section("storage");
  const SlicingRule rule = read_rule(storage_section);
  std::vector<Violation> violations = find_violations(blueprint, choices, values);
  std::optional<Architecture> storage;
  if (!violations.empty()) {
    section.allow("storage");  // it can only be read against valid choices
  } else {
    const Architecture own = stored_shape(choices);
    storage = read_storage(storage_section, blueprint, own);
    if (!storage) return {};
    violations = find_violations(blueprint, choices, {*storage, rule});
    if (*storage == own) storage.reset();
  }
  for (const Violation& violation : violations) report(section, violation);
  if (!violations.empty()) return {};
  return SearchSpace(blueprint, choices, values, rule, storage);
}

}  // namespace concertina
