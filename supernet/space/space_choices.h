// The choices of a search space, and what follows from them without its weights.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "supernet/space/architecture.h"
#include "supernet/space/depth_policy.h"

namespace concertina {

struct SpaceChoices {
  // Each a full list, one width per conv layer; empty: log-mel.
  std::vector<std::vector<int32_t>> conv_channels;
  std::vector<int32_t> embed_dim;
  std::vector<int32_t> frame_period_us;
  // Choices of every layer; ffn_dim = int(ratio * embed_dim).
  std::vector<int32_t> heads;
  std::vector<double> ffn_ratio;
  std::vector<int32_t> window = {0};
  std::vector<AttentionKind> attention = {AttentionKind::kSoftmax};
  int32_t storage_depth = 12;  // layers of the supernet
  std::vector<int32_t> depth;  // how many of them are kept
  DepthPolicy policy = DepthPolicy::kTop;
  std::vector<std::vector<int32_t>> explicit_sets;  // kept layers of each depth, for kExplicit
};

// One value for each dimension; one that is not set (empty, 0 or -1 as below) stands for the
// largest choice.
struct SpaceDefault {
  std::vector<int32_t> conv_channels;  // a full list
  int32_t embed_dim = 0, depth = 0, frame_period_us = 0, heads = -1, window = -1;
  double ffn_ratio = -1;
  std::optional<AttentionKind> attention;
};

// Every list ascending and without duplicates; the widest window is 0 (global) and comes last, as
// does softmax attention.
SpaceChoices sorted_choices(SpaceChoices choices);

// The layers kept at this depth, ascending. InputError when there are none, or a set is invalid.
std::vector<int32_t> kept_layers(const SpaceChoices& choices, int32_t depth);

// The smallest shape that holds every member, at the longest frame period. The choices are valid
// (violations.h).
Architecture stored_shape(const SpaceChoices& choices);

// The choices of a space with this one member.
SpaceChoices choices_of(const Architecture& only);

inline int32_t ffn_dim_of(double ratio, int32_t embed_dim) {
  return static_cast<int32_t>(ratio * embed_dim);
}

}  // namespace concertina
