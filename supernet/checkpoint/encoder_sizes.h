// The sizes of a foreign encoder, whose layers are all alike.
#pragma once

#include <cstdint>
#include <vector>

#include "supernet/checkpoint/settings.h"
#include "supernet/space/architecture.h"
#include "supernet/space/blueprint.h"

namespace concertina {

inline constexpr int32_t kWidest = 65536, kDeepest = 256;  // of what is believed in a configuration

struct EncoderSizes {  // HuBERT base where a configuration is silent
  int32_t embed_dim = 768, layers = 12, heads = 12, ffn_dim = 3072;
};

// The keys under which a kind of configuration has them.
struct EncoderSizeKeys {
  const char *embed_dim, *layers, *heads, *ffn_dim, *positional_kernel, *positional_groups;
};

// Fills the blueprint's positional conv and head size too. A width that the heads or the groups do
// not divide is a problem of the reader.
EncoderSizes read_encoder_sizes(SettingsReader& reader, const EncoderSizeKeys& keys,
                                Blueprint& blueprint);

// The one architecture over a blueprint that was checked.
Architecture homogeneous(const Blueprint& blueprint, std::vector<int32_t> conv_channels,
                         const EncoderSizes& sizes);

}  // namespace concertina
