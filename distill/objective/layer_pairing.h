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

// Why the listed student layers are not valid positions, or "".
std::string position_problem(const LayerPairing& pairing);

const OptionTable<LayerPairing>& pairing_options();  // all but the depths
const OptionTable<LayerPairing>& pairing_depths();

// One of these tables among the options of a struct that derives from LayerPairing.
template <class O>
Option<O> of_pairing(const OptionTable<LayerPairing>& table) {
  using detail::OptionInfo;
  return {"",
          "",
          {.read = [&table](const OptionInfo&, ConfigSection& at, O& o) { table.read(at, o); },
           .write = [&table](const OptionInfo&, O& o, detail::Json& json) { table.write(o, json); },
           .list = [&table](const OptionInfo&, O& o, const std::string& prefix,
                            std::vector<OptionRow>& rows) { table.append_rows(prefix, o, rows); }}};
}

// Sizes of a Spec that has teacher_dim and student_dim (widths, of the supernet's storage) too.
template <class O>
const OptionTable<O>& pairing_sizes() {
  static const OptionTable<O> table = {
      of_pairing<O>(pairing_depths()),
      option("teacher_dim", &O::teacher_dim, "").within({0, 1e6}),
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
