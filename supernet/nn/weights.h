// The tensors of one subnet, by name and as typed members for the forward pass.
#pragma once

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "supernet/space/architecture.h"
#include "supernet/space/blueprint.h"

namespace concertina {

// By name; ordered, so that iteration is deterministic.
using TensorMap = std::map<std::string, at::Tensor>;

struct Affine {
  at::Tensor weight, bias;  // bias may be undefined
};

struct ConvWeights {
  Affine affine;  // [out, in, k]; bias undefined unless the blueprint has conv biases
  Affine norm;    // undefined where the layer has none
};

// Whisper's two convolutions.
struct StemWeights {
  Affine input;   // [E, bins, 3]
  Affine output;  // [E, E, 3]
};

struct RateWeights {
  Affine conv, norm, proj;  // OFA alpha net on the front end's features
};

struct LayerWeights {
  LayerShape shape;
  Affine q, k, v, out, attention_norm;  // undefined when shape.heads == 0
  // q and k are undefined where the layer reuses an attention map.
  bool map_is_reused = false;   // by a later kept layer
  Affine gate;                  // of the position bias, [8, head_dim]; undefined: none
  at::Tensor gate_scale;        // [1, heads, 1, 1]
  Affine fc1, fc2, final_norm;  // undefined when shape.ffn_dim == 0
};

struct EncoderWeights {
  std::vector<ConvWeights> convs;   // wave front end
  at::Tensor mel_mean, mel_std;     // log-mel front end, [bins]
  at::Tensor feature_scale;         // [C], wave front end; undefined: none
  Affine feature_norm;              // wave front end; undefined: none
  std::optional<StemWeights> stem;  // Whisper's front end
  Affine projection;                // [E, C]; undefined: none
  at::Tensor positions;             // [rows, E]; undefined: none
  at::Tensor mask_emb;              // [E]
  std::optional<RateWeights> rate;  // cif
  Affine join;                      // conv [E, E, r] or linear [E, r * E]; undefined: none
  at::Tensor position_table;        // [buckets, heads]; undefined: no position bias
  Affine positional;  // undefined: none; normalised, outputs group by group, [E, E / groups, k]
  Affine encoder_norm;
  std::vector<LayerWeights> layers;  // kept layers, ascending
};

// The typed members from `tensors` (handles are shared), by the table of tensors. InputError lists
// every missing tensor.
EncoderWeights assemble(const Blueprint& blueprint, const Architecture& architecture,
                        const TensorMap& tensors);

// fairseq's weight norm over (out, in) for each tap: g * v / ||v||; g [1,1,k], v [out, in, k],
// computed in fp32, in the dtype of v. Differentiable.
at::Tensor weight_norm(const at::Tensor& g, const at::Tensor& v);

}  // namespace concertina
