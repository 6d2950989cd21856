// A pretrained checkpoint of another package: what it is, and the model that its configuration
// describes.
#pragma once

#include <optional>
#include <string>

#include "supernet/space/blueprint.h"
#include "supernet/space/slicing.h"
#include "supernet/space/tensor_table.h"

namespace concertina {

// LightHuBERT's two search spaces, over weights of HuBERT base's size (Wang et al. 2022).
enum class LightHubertSpace { kBase, kSmall };

struct ForeignModel {
  std::string kind;  // "HuBERT", "WavLM", "wav2vec 2.0", "LightHuBERT small supernet"
  Naming naming = Naming::kFairseq;
  Blueprint blueprint;
  Storage storage;                        // one network, which fits the blueprint
  std::optional<LightHubertSpace> space;  // of a LightHuBERT supernet; none: the one network
};

}  // namespace concertina
