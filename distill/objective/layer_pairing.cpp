#include "distill/objective/layer_pairing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/errors.h"

namespace concertina {
namespace {

bool by_map(const LayerPairing& pairing) { return pairing.map != LayerMap::kPairs; }

// The teacher layer of student layer s of `depth`.
int32_t mapped(LayerMap map, int32_t s, int32_t depth, int32_t teacher_depth) {
  switch (map) {
    case LayerMap::kLast:
      return s + teacher_depth - depth;
    case LayerMap::kUniform:
      return static_cast<int32_t>(std::lround(static_cast<double>(s) * teacher_depth / depth));
    case LayerMap::kGap:
      return s * (teacher_depth / depth);
    case LayerMap::kFirst:
    case LayerMap::kPairs:
      break;
  }
  return s;
}

struct ListedPair {
  int32_t teacher_layer;
  double student_layer;
  double weight;
};

// The pairs of a student of `depth` layers, before it is known which it keeps.
std::vector<ListedPair> listed(const LayerPairing& pairing, int32_t depth) {
  const auto weight = [&](size_t i) {
    return pairing.weights.size() == 1 ? pairing.weights.front() : pairing.weights[i];
  };
  std::vector<ListedPair> pairs;
  if (!by_map(pairing)) {
    for (size_t i = 0; i < pairing.teacher_layers.size(); ++i)
      pairs.push_back({pairing.teacher_layers[i], pairing.student_layers[i], weight(i)});
    return pairs;
  }
  for (int32_t s = 1; s <= depth; ++s) {
    const int32_t layer = mapped(pairing.map, s, depth, pairing.teacher_depth);
    const bool there = layer >= 1 && layer <= pairing.teacher_depth;
    pairs.push_back({std::clamp(layer, 1, pairing.teacher_depth), static_cast<double>(s),
                     there ? weight(static_cast<size_t>(s) - 1) : 0});
  }
  return pairs;
}

bool has_weight(const LayerPairing& pairing) {
  return std::ranges::any_of(pairing.weights, [](double w) { return w > 0; });
}

Option<LayerPairing> teacher_layers_option() {
  return option("teacher_layers", &LayerPairing::teacher_layers,
                "of map: pairs; 0: the first layer's input")
      .within({0, 1000})
      .require([](const LayerPairing& o) { return by_map(o) || !o.teacher_layers.empty(); },
               "name at least one with map: pairs");
}

Option<LayerPairing> student_layers_option() {
  return option("student_layers", &LayerPairing::student_layers,
                "of map: pairs, one for each teacher layer")
      .within({0, 1000})
      .require(
          [](const LayerPairing& o) {
            return by_map(o) || o.student_layers.size() == o.teacher_layers.size();
          },
          "expected one for each of teacher_layers")
      .check([](const LayerPairing& o, ConfigSection section) {
        const std::string problem = position_problem(o);
        if (!problem.empty()) section.problem("student_layers", problem);
      });
}

Option<LayerPairing> weights_option() {
  return option("weights", &LayerPairing::weights, "of the pairs: one for all, or one each")
      .within({0, 1e6})
      .require(
          [](const LayerPairing& o) {
            return o.weights.size() == 1 || by_map(o) ||
                   o.weights.size() == o.teacher_layers.size();
          },
          "expected one number, or one for each of teacher_layers")
      .require(has_weight, "expected at least one above 0");
}

}  // namespace

std::string position_problem(const LayerPairing& pairing) {
  for (const double layer : pairing.student_layers) {
    if (pairing.position == LayerPosition::kRelative) {
      if (!(layer > 0 && layer <= 1))
        return fmt::format("expected shares of the depth in (0, 1], found {}", layer);
    } else if (layer != std::floor(layer) || layer < 1) {
      return fmt::format("expected layers 1, 2, .., found {}", layer);
    }
  }
  return "";
}

const OptionTable<LayerPairing>& pairing_options() {
  using O = LayerPairing;
  static const OptionTable<O> table = {
      option(
          "map", &O::map,
          "which teacher layer a student layer learns from: pairs: as listed; else every student "
          "layer has one, counted from the first or last, spread over the depth, or in equal "
          "steps"),
      option(
          "position", &O::position,
          "how student layers count: by index in the supernet, by rank among the kept layers, or "
          "as a share of the depth")
          .require([](const O& o) { return o.position != LayerPosition::kRelative || !by_map(o); },
                   "expected index or rank with a map"),
      teacher_layers_option(),
      student_layers_option(),
      weights_option(),
  };
  return table;
}

const OptionTable<LayerPairing>& pairing_depths() {
  using O = LayerPairing;
  static const OptionTable<O> table = {
      option("teacher_depth", &O::teacher_depth, "").within({0, 1e6}),
      option("student_depth", &O::student_depth, "").within({0, 1e6}),
  };
  return table;
}

int32_t kept_layer(LayerPosition how, double position, const Architecture& student) {
  const int32_t kept = student.depth();
  if (how == LayerPosition::kRelative)
    return std::clamp(static_cast<int32_t>(std::ceil(position * kept - 1e-9)), 1, kept);
  const auto number = static_cast<int32_t>(position);
  if (how == LayerPosition::kRank) return number <= kept ? number : 0;
  for (int32_t i = 0; i < kept; ++i) {
    if (student.layers()[static_cast<size_t>(i)].index + 1 == number) return i + 1;
  }
  return 0;
}

std::optional<std::pair<std::string, std::string>> pairing_problem(const LayerPairing& pairing,
                                                                   int32_t teacher_depth) {
  if (by_map(pairing)) return std::nullopt;
  return missing_layer(pairing.teacher_layers, teacher_depth);
}

std::optional<std::pair<std::string, std::string>> missing_layer(
    const std::vector<int32_t>& teacher_layers, int32_t teacher_depth) {
  for (const int32_t layer : teacher_layers) {
    if (layer > teacher_depth) {
      return std::pair<std::string, std::string>(
          "teacher_layers", fmt::format("the teacher has {} layers, not {}", teacher_depth, layer));
    }
  }
  return std::nullopt;
}

std::vector<int32_t> layers_at_thirds(int32_t teacher_depth) {
  std::vector<int32_t> layers;
  for (const int32_t third : {1, 2, 3}) {
    const auto layer = static_cast<int32_t>(std::lround(teacher_depth * third / 3.0));
    layers.push_back(std::max(1, layer));
  }
  layers.erase(std::unique(layers.begin(), layers.end()), layers.end());
  return layers;
}

std::optional<std::pair<std::string, std::string>> attention_problem(const LayerPairing& pairing,
                                                                     int32_t teacher_depth) {
  const auto& layers = pairing.teacher_layers;
  if (!by_map(pairing) && std::ranges::find(layers, 0) != layers.end()) {
    return std::pair<std::string, std::string>(
        "teacher_layers", "expected layers 1, 2, ..: the first layer's input has no attention");
  }
  return pairing_problem(pairing, teacher_depth);
}

void check_attention_pairing(const LayerPairing& pairing) {
  if (const auto found = attention_problem(pairing, pairing.teacher_depth))
    throw InputError(fmt::format("objective.{}: {}", found->first, found->second));
  check_pairing(pairing);
}

void set_depths(LayerPairing& pairing, const ObjectiveSizes& sizes) {
  pairing.teacher_depth = sizes.teachers.front().depth;
  pairing.student_depth = sizes.student_depth;
}

size_t pair_count(const LayerPairing& pairing) {
  return by_map(pairing) ? static_cast<size_t>(pairing.student_depth)
                         : pairing.teacher_layers.size();
}

void check_pairing(const LayerPairing& pairing) {
  if (const auto found = pairing_problem(pairing, pairing.teacher_depth))
    throw InputError(fmt::format("objective.{}: {}", found->first, found->second));
  const std::string wrong = position_problem(pairing);
  if (!wrong.empty()) throw InputError("objective.student_layers: " + wrong);
  const size_t count = pair_count(pairing);
  if (count == 0 || (!by_map(pairing) && pairing.student_layers.size() != count)) {
    throw InputError("objective.student_layers: expected one for each of teacher_layers");
  }
  if (pairing.weights.size() != 1 && pairing.weights.size() != count) {
    throw InputError(fmt::format("objective.weights has {} numbers: expected 1 or {}",
                                 pairing.weights.size(), count));
  }
  for (const double layer : pairing.student_layers) {
    if (!by_map(pairing) && layer > pairing.student_depth) {
      throw InputError(fmt::format("objective.student_layers: the supernet has {} layers, not {}",
                                   pairing.student_depth, layer));
    }
  }
}

std::vector<int32_t> paired_teacher_layers(const LayerPairing& pairing) {
  const bool by_rank = by_map(pairing) && pairing.position == LayerPosition::kRank;
  std::vector<int32_t> layers;
  for (int32_t depth = by_rank ? 1 : pairing.student_depth; depth <= pairing.student_depth;
       ++depth) {
    for (const ListedPair& pair : listed(pairing, depth)) layers.push_back(pair.teacher_layer);
  }
  std::sort(layers.begin(), layers.end());
  layers.erase(std::unique(layers.begin(), layers.end()), layers.end());
  return layers;
}

std::vector<LayerPair> pairs_of(const LayerPairing& pairing, const Architecture& student) {
  const bool by_rank = by_map(pairing) && pairing.position == LayerPosition::kRank;
  const std::vector<ListedPair> all =
      listed(pairing, by_rank ? student.depth() : pairing.student_depth);
  std::vector<LayerPair> pairs;
  for (size_t i = 0; i < all.size(); ++i) {
    const int32_t layer = kept_layer(pairing.position, all[i].student_layer, student);
    if (layer > 0 && all[i].weight > 0)
      pairs.push_back({all[i].teacher_layer, layer, i, all[i].weight});
  }
  if (pairs.empty())
    pairs.push_back({all.back().teacher_layer, student.depth(), all.size() - 1, 1});
  return pairs;
}

std::vector<LayerPair> attention_pairs_of(const LayerPairing& pairing,
                                          const Architecture& student) {
  const auto attends = [&](int32_t layer) {
    return student.layers()[static_cast<size_t>(layer) - 1].heads > 0;
  };
  std::vector<LayerPair> pairs = pairs_of(pairing, student);
  const LayerPair last = pairs.back();
  std::erase_if(pairs, [&](const LayerPair& pair) { return !attends(pair.student_layer); });
  for (int32_t layer = student.depth(); layer > 0 && pairs.empty(); --layer) {
    if (attends(layer)) pairs.push_back({last.teacher_layer, layer, last.head, 1});
  }
  return pairs;
}

std::vector<LayerPair> hint_pairs(const LayerPairing& pairing, double last_weight,
                                  const Architecture& student) {
  std::vector<LayerPair> pairs = pairs_of(pairing, student);
  std::erase_if(pairs, [&](const LayerPair& p) { return p.student_layer == student.depth(); });
  pairs.push_back({pairing.teacher_depth, student.depth(), pair_count(pairing), last_weight});
  return pairs;
}

std::vector<int32_t> hint_teacher_layers(const LayerPairing& pairing) {
  std::vector<int32_t> layers = paired_teacher_layers(pairing);
  if (layers.back() != pairing.teacher_depth) layers.push_back(pairing.teacher_depth);
  return layers;
}

}  // namespace concertina
