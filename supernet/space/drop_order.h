// Depth sets from an order in which the layers of a supernet are dropped, such as the one by contribution of Sajjad
// et al. ("Poor Man's BERT", 2020; Computer Speech and Language, 2022): a layer whose output is most like its input
// contributes least and goes first. What is measured: distill/layer_cosines.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "supernet/space/search_space.h"

namespace concertina {

// Indices of layers 0 to n - 1, the first to be dropped first: the highest cosine of input and output, the last layer
// among equals. cosines: [n], finite.
std::vector<int32_t> drop_order(std::span<const double> cosines);

// Why an order of this many layers gives the space no depth sets, as the rest of a sentence; empty: it does.
std::string no_depth_sets(const SearchSpace& space, size_t layers);

// The same space with policy `explicit`: at depth k of n the first n - k layers of `order` are dropped, so that a
// shallower set is part of the deeper ones. `order`: a permutation of all n layers. InputError as no_depth_sets(), or
// when a set is not possible in its blueprint (a layer that reuses an attention map that was dropped).
SearchSpace with_drop_order(const SearchSpace& space, std::span<const int32_t> order);

}  // namespace concertina
