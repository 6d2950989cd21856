// fairseq's conv_feature_layers: "[(512,10,5)] + [(512,3,2)] * 4 + [(512,2,2)] * 2", read as data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "supernet/space/blueprint.h"

namespace concertina {

struct ConvSpec {
  std::vector<int32_t> channels;
  std::vector<ConvLayer> layers;
};

inline constexpr size_t kMaxConvLayers = 64;

// Lists of (channels, kernel, stride), concatenated by + and repeated by *; nullopt for anything
// else or more than 64 layers.
std::optional<ConvSpec> parse_conv_spec(std::string_view text);
std::string conv_spec_text(const ConvSpec& spec);

}  // namespace concertina
