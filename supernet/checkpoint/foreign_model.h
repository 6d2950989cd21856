// A foreign checkpoint, recognised: what it is and the model that its configuration describes.
#pragma once

#include <string>

#include "supernet/checkpoint/names.h"
#include "supernet/space/search_space.h"

namespace concertina {

struct ForeignModel {
  std::string kind;  // "HuBERT", "WavLM", "wav2vec 2.0", "LightHuBERT small supernet"
  Naming naming = Naming::kFairseq;
  SearchSpace space;
};

// One architecture of `layers` equal layers over a blueprint that was checked; used by the readers.
Architecture homogeneous(const Blueprint& blueprint, std::vector<int32_t> conv_channels,
                         int32_t embed_dim, int32_t layers, int32_t heads, int32_t ffn_dim);

}  // namespace concertina
