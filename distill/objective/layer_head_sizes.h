// The sizes of an encoder layer that an objective adds to the student (layer_head.h).
#pragma once

#include <cstdint>
#include <string>

namespace concertina {

class SearchSpace;

// At full width. A subnet of width E has all heads, and FFN neurons in proportion to E.
struct LayerHeadSizes {
  int32_t index = 0;  // of the layer: layers of the supernet
  int32_t embed_dim = 0, heads = 0, head_dim = 0, ffn_dim = 0;
  bool key_bias = true;
};

// The most heads, and the largest FFN, of any layer of the space.
LayerHeadSizes layer_head_sizes(const SearchSpace& space);

// Why models of this space cannot have such a layer; "": they can.
std::string layer_head_problem(const SearchSpace& space);

}  // namespace concertina
