// The sizes of a foreign encoder, whose layers are all equal, and fairseq's names for them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "supernet/checkpoint/settings.h"
#include "supernet/space/architecture.h"
#include "supernet/space/blueprint.h"

namespace concertina {

// Accepted in a configuration.
inline constexpr int32_t kMaxForeignWidth = 65536, kMaxForeignLayers = 256;

struct EncoderSizes {  // defaults: HuBERT base
  int32_t embed_dim = 768, layers = 12, heads = 12, ffn_dim = 3072;
};

// The keys of a kind of configuration.
struct EncoderSizeKeys {
  const char *embed_dim, *layers, *heads, *ffn_dim, *positional_kernel, *positional_groups;
};

// `sizes` are the defaults. Sets the blueprint's positional conv and head size too. A width that is
// not divisible by heads or groups is a problem of the reader.
EncoderSizes read_encoder_sizes(SettingsReader& reader, const EncoderSizeKeys& keys,
                                Blueprint& blueprint, EncoderSizes sizes = {});

inline constexpr EncoderSizeKeys kFairseqSizeKeys = {
    "encoder_embed_dim",     "encoder_layers", "encoder_attention_heads",
    "encoder_ffn_embed_dim", "conv_pos",       "conv_pos_groups"};

// fairseq's waveform front end: extractor_mode ("default" or "layer_norm"), conv_bias, and the list
// of (channels, kernel, stride) under `layers_key`. Returns the channels; problems are the
// reader's.
std::vector<int32_t> read_fairseq_front_end(SettingsReader& reader, WaveFrontEnd& wave,
                                            std::string default_mode,
                                            const std::string& layers_key);

// The one architecture of these sizes. InputError when blueprint or architecture are invalid, or do
// not fit.
Architecture homogeneous(const Blueprint& blueprint, std::vector<int32_t> conv_channels,
                         const EncoderSizes& sizes);

}  // namespace concertina
