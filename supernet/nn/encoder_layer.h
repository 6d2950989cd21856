// Modules of the transformer: positional convolution and encoder layer. Activations are [B, T, C].
#pragma once

#include <ATen/ATen.h>

#include "supernet/nn/dropout.h"
#include "supernet/nn/weights.h"

namespace concertina {

// x + GELU(conv(x)), x [B, T, E] zero where not valid.
at::Tensor positional_conv(const PositionalConv& shape, const Affine& conv, const at::Tensor& x);

// State that the layers' attention shares during one forward pass.
struct AttentionContext {
  at::Tensor mask;           // [B, 1, 1, T] bool, true where a key is valid; undefined: everywhere
  at::Tensor position_bias;  // [1, heads, T, T] before any gate; undefined: none
  at::Tensor map;   // [B, heads, T, T] of the last layer whose map is reused; layers set it
  Dropout dropout;  // of a training pass
};

// Activations inside a layer, [B, T, E], queries, keys and values [B, T, heads * head_dim];
// undefined where the layer lacks that half. A layer that reuses another's map has values only.
struct LayerActivations {
  at::Tensor input;              // of the layer
  at::Tensor attention_input;    // what queries, keys and values are projected from
  at::Tensor query, key, value;  // before any scaling; kept where the caller sets keep_projections
  bool keep_projections = false;
  at::Tensor attention_output;  // of the attention half, with residual (and norm)
  at::Tensor ffn_input;         // of fc1
  at::Tensor ffn_output;        // of fc2, before residual and norm
};

// One layer; `inside`, when given, receives its activations.
at::Tensor encoder_layer(const Blueprint& blueprint, const LayerWeights& layer, const at::Tensor& x,
                         AttentionContext& context, LayerActivations* inside = nullptr);

}  // namespace concertina
