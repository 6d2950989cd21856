// Which teacher layer each layer of an architecture learns from: shared by the objectives that compare
// layers. Maps first, last and gap: Knowledge distillation of transformers revisited (Lu et al. 2022).
// Values are immutable: thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/enum_names.h"
#include "core/option_table.h"
#include "distill/objective/objective_kinds.h"
#include "supernet/space/architecture.h"

namespace concertina {

// kPairs: as listed. The others pair every student layer s of S with a layer of a teacher of L
// layers: first: s; last: s + L - S; uniform: round(s L / S) (our form where S does not divide L);
// gap: s floor(L / S). Pairs outside the teacher are left out.
enum class LayerMap { kPairs, kFirst, kLast, kUniform, kGap };
template <>
inline constexpr auto kEnumNames<LayerMap> = name_table("pairs", "first", "last", "uniform", "gap");

// How a student layer is counted: by its index in the supernet, 1 to S, so that a shared layer has one
// target; by its rank among the kept layers; or as a share of the depth, the ceil(p depth)-th kept one.
enum class LayerPosition { kIndex, kRank, kRelative };
template <>
inline constexpr auto kEnumNames<LayerPosition> = name_table("index", "rank", "relative");

struct LayerPairing {
  LayerMap map = LayerMap::kUniform;
  LayerPosition position = LayerPosition::kIndex;
  std::vector<int32_t> teacher_layers;  // map: pairs
  std::vector<double> student_layers;   // as many: 1, 2, .. by index or rank, shares in (0, 1]
  std::vector<double> weights = {1};    // one, or one a pair (with a map: a student layer)
  int32_t teacher_depth = 0;
  int32_t student_depth = 0;  // of the supernet's storage
};

// One pair for one architecture.
struct LayerPair {
  int32_t teacher_layer = 0;
  int32_t student_layer = 0;  // kept layer, 1 to depth
  size_t head = 0;            // which of pair_count(): the pair's number in the supernet
  double weight = 1;
};

// InputError for layers that teacher or student does not have.
void check_pairing(const LayerPairing& pairing);
// The key of an option that does not fit a teacher of this depth, and why.
std::optional<std::pair<std::string, std::string>> pairing_problem(const LayerPairing& pairing,
                                                                   int32_t teacher_depth);
// The same for attention, which a layer's input does not have.
void check_attention_pairing(const LayerPairing& pairing);
std::optional<std::pair<std::string, std::string>> attention_problem(const LayerPairing& pairing,
                                                                     int32_t teacher_depth);
void set_depths(LayerPairing& pairing, const ObjectiveSizes& sizes);

size_t pair_count(const LayerPairing& pairing);  // of the supernet
// Teacher layers that any student is paired with, ascending.
std::vector<int32_t> paired_teacher_layers(const LayerPairing& pairing);
// The pairs whose student layer is kept; the last pair with the last layer where none is.
std::vector<LayerPair> pairs_of(const LayerPairing& pairing, const Architecture& student);
// Those whose student layer has attention: the last pair with the last such layer where none is kept,
// none where a student has no attention at all.
std::vector<LayerPair> attention_pairs_of(const LayerPairing& pairing, const Architecture& student);

// The kept layer, 1 to depth, at a position; 0: it is not kept.
int32_t kept_layer(LayerPosition how, double position, const Architecture& student);

// FitHuBERT's (Lee et al. 2022): a pair of both last layers, with `last_weight` and head pair_count(), in
// place of that of the last kept layer; the others are the hints.
std::vector<LayerPair> hint_pairs(const LayerPairing& pairing, double last_weight,
                                  const Architecture& student);
std::vector<int32_t> hint_teacher_layers(const LayerPairing& pairing);  // with the last one

// 4, 8 and 12 of 12.
std::vector<int32_t> layers_at_thirds(int32_t teacher_depth);
// "teacher_layers" and why, where these name a layer that a teacher of this depth does not have.
std::optional<std::pair<std::string, std::string>> missing_layer(
    const std::vector<int32_t>& teacher_layers, int32_t teacher_depth);

namespace detail {
extern const char* const kMapHelp;
extern const char* const kPositionHelp;
// Why the listed student layers are not valid positions, or "".
std::string position_problem(const LayerPairing& pairing);
bool some_weight(const LayerPairing& pairing);
}  // namespace detail

// The options, for tables of structs that derive from LayerPairing.
template <class O>
Option<O> map_option() {
  return option<O, LayerMap>("map", &O::map, detail::kMapHelp);
}
template <class O>
Option<O> position_option() {
  return option<O, LayerPosition>("position", &O::position, detail::kPositionHelp)
      .require(
          [](const O& o) {
            return o.position != LayerPosition::kRelative || o.map == LayerMap::kPairs;
          },
          "expected index or rank with a map");
}
template <class O>
Option<O> teacher_layers_option() {
  return option<O, std::vector<int32_t>>("teacher_layers", &O::teacher_layers,
                                         "of map: pairs; 0: the first layer's input")
      .within({0, 1000})
      .require([](const O& o) { return o.map != LayerMap::kPairs || !o.teacher_layers.empty(); },
               "name at least one with map: pairs");
}
template <class O>
Option<O> student_layers_option() {
  return option<O, std::vector<double>>("student_layers", &O::student_layers,
                                        "of map: pairs, one for each teacher layer")
      .within({0, 1000})
      .require(
          [](const O& o) {
            return o.map != LayerMap::kPairs || o.student_layers.size() == o.teacher_layers.size();
          },
          "expected one for each of teacher_layers")
      .check([](const O& o, ConfigSection section) {
        const std::string problem = detail::position_problem(o);
        if (!problem.empty()) section.problem("student_layers", problem);
      });
}
template <class O>
Option<O> weights_option() {
  return option<O, std::vector<double>>("weights", &O::weights,
                                        "of the pairs: one for all, or one each")
      .within({0, 1e6})
      .require(
          [](const O& o) {
            return o.weights.size() == 1 || o.map != LayerMap::kPairs ||
                   o.weights.size() == o.teacher_layers.size();
          },
          "expected one number, or one for each of teacher_layers")
      .require([](const O& o) { return detail::some_weight(o); }, "expected at least one above 0");
}
template <class O>
Option<O> teacher_depth_size() {
  return option<O, int32_t>("teacher_depth", &O::teacher_depth, "").within({0, 1e6});
}
template <class O>
Option<O> student_depth_size() {
  return option<O, int32_t>("student_depth", &O::student_depth, "").within({0, 1e6});
}

// Sizes of a Spec that has teacher_dim and student_dim (widths, of the supernet's storage) too.
template <class O>
const OptionTable<O>& pairing_sizes() {
  static const OptionTable<O> table = {
      teacher_depth_size<O>(),
      option("teacher_dim", &O::teacher_dim, "").within({0, 1e6}),
      student_depth_size<O>(),
      option("student_dim", &O::student_dim, "").within({0, 1e6}),
  };
  return table;
}
template <class O>
void set_pairing_sizes(O& spec, const ObjectiveSizes& sizes) {
  set_depths(spec, sizes);
  spec.teacher_dim = sizes.teachers.front().dim;
  spec.student_dim = sizes.student_dim;
}

}  // namespace concertina
