// Parameters and MACs of one architecture.
#pragma once

#include <cstdint>

#include "supernet/space/architecture.h"
#include "supernet/space/blueprint.h"

namespace concertina {

struct Cost {
  int64_t params = 0;  // elements of all tensors of the extracted subnet (tensor_table.h)
  // LightHuBERT's own rule: the mask embedding as wide as the storage's, no scale of a weight norm.
  int64_t params_lighthubert = 0;
  int64_t macs = 0;            // multiply-accumulates of one forward pass of `samples` samples
  int64_t front_end_macs = 0;  // of them, the front end's convolutions
};

// MACs are those of work.h, which has the formulas; the mel filter bank, norms, CIF's sums,
// averages, position biases and softmax count 0. InputError when the front end does not match.
// `storage_embed_dim` is the width of the supernet the subnet came from (for params_lighthubert);
// 0: its own.
Cost cost_of(const Blueprint& blueprint, const Architecture& architecture, int64_t samples,
             int32_t storage_embed_dim = 0);

}  // namespace concertina
