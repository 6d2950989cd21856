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

}  // namespace concertina
