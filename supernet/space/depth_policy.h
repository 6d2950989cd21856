// Which layers of the supernet a subnet of a given depth keeps.
#pragma once

#include <cstdint>
#include <vector>

namespace concertina {

// top, bottom, symmetric, alternate: Sajjad et al. 2020, named by the layers that are dropped: the
// last, the first, the middle ones, every other one from the top. lighthubert: LightHuBERT's own
// table, for 12 layers only. explicit: the sets of the search space.
enum class DepthPolicy { kLightHubert, kTop, kBottom, kAlternate, kSymmetric, kExplicit };

// The layers kept when `depth` of `total` are, ascending. InputError when the policy does not
// define them; kExplicit always is one (see space_choices.h).
std::vector<int32_t> kept_layers(DepthPolicy policy, int32_t total, int32_t depth);

}  // namespace concertina
