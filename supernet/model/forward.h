// The one forward pass, of teachers, supernets, sampled subnets and extracted models.
//
// Activations are [B, T, C]. Low-precision weights compute in bf16; norms, softmax and the rate
// unit in fp32 or wider. Thread-safe: weights are read only, the active width is an argument. Grad
// mode is the caller's.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "supernet/model/speech_batch.h"
#include "supernet/model/supernet.h"
#include "supernet/nn/encoder_layer.h"
#include "supernet/nn/front_end.h"

namespace concertina {

// Which outputs to keep. Indices count kept layers: hidden 0 is the input of the first layer (after
// positional conv and LayerNorm, as transformers counts), hidden i the output of the i-th.
struct WantedOutputs {
  std::vector<int32_t> hidden;  // 0..depth
  // 1..depth: output of fc2, before residual and norm (data2vec's "layer_result").
  std::vector<int32_t> ffn_results;
  // 1..depth: projections of the attention, all heads side by side.
  std::vector<int32_t> queries, keys, values;
  bool all_hidden = false;
  bool projected = false;   // Frames::projected
  int32_t last_layer = -1;  // early exit after this many layers; -1: none
  // Called after each layer, in order.
  std::function<void(const LayerWeights&, const LayerActivations&, AttentionContext&)> observe;
};

// What a training pass adds to the forward pass; by default nothing.
struct TrainingPass {
  Dropout dropout;
  // Activation checkpointing: the activations inside encoder layers are computed again in the
  // backward pass, but for layers whose inner activations are wanted or that share attention maps.
  bool recompute_layers = false;
};

// The state between the stages of the forward pass.
struct Frames {
  at::Tensor x;               // [B, T', E]
  at::Tensor valid;           // [B, T'] bool; undefined when every frame is valid
  at::Tensor attention_mask;  // [B, 1, 1, T'] bool; undefined when every frame is valid
  at::Tensor lengths;         // [B] int64 on the CPU: valid frames T'
  at::Tensor base_lengths;    // [B] int64 on the CPU: valid base (20 ms) frames
  at::Tensor back_map;        // [B, T, T']; undefined when no compression took place
  // [B, >= T] bool: the base frames that losses are taken over; undefined: all valid ones.
  at::Tensor loss_mask;
  // [B, T', E] before the positional conv, masked, zero where not valid: what LightHuBERT's package
  // calls state 0. Undefined unless wanted. Where whole frames are joined it has base frames still.
  at::Tensor projected;
};

struct EncoderOutput {
  std::vector<at::Tensor> hidden;  // depth + 1 entries, undefined unless wanted
  // depth + 1 entries (0 unused), undefined unless wanted. Queries, keys and values are
  // [B, T', heads * head_dim] before any scaling, undefined too where the layer has no attention, and
  // queries and keys where it reuses the attention map of another.
  std::vector<at::Tensor> ffn_results, queries, keys, values;
  Frames frames;  // frames.x is the output of the last layer that ran
};

// The front end's output, which encoder_input() starts from; the same for all subnets with equal
// conv channels. CIF reads masked frames too: `every_frame` must be set when any subnet
// needs_every_frame(). InputError when a clip is shorter than one frame. `mean_square`: see
// front_end().
Features features_of(const Subnet& subnet, const SpeechBatch& batch, bool every_frame,
                     at::Tensor* mean_square = nullptr);
bool needs_every_frame(const Blueprint& blueprint, const Architecture& architecture);
// True for the tensors that features_of() reads.
bool is_of_front_end(std::string_view tensor);
// The input of the first layer: front end, rate unit, projection or Whisper's convolutions,
// positions, positional conv. InputError when a clip has more frames than the model has positions.
Frames encoder_input(const Subnet& subnet, const SpeechBatch& batch,
                     const WantedOutputs& wants = {});
Frames encoder_input(const Subnet& subnet, const SpeechBatch& batch, const Features& features,
                     const WantedOutputs& wants = {}, const TrainingPass& pass = {});
EncoderOutput encode(const Subnet& subnet, const SpeechBatch& batch,
                     const WantedOutputs& wants = {});
// The layers, on the encoder_input() of this subnet or of one with the same front end, frame
// period, width and positional conv. Layers are skipped where the pass says so, but those whose inner
// activations are wanted or whose attention map later layers reuse.
EncoderOutput encode_from(const Subnet& subnet, Frames frames, const WantedOutputs& wants = {},
                          const TrainingPass& pass = {});

// [B, T', E] of compressed frames -> [B, T, E] at the base frame period (20 ms); unchanged when
// nothing was compressed.
at::Tensor to_base_frames(const Frames& frames, const at::Tensor& hidden);
// [B, T] bool of the valid base frames of a batch, on its device.
at::Tensor valid_frames(const Blueprint& blueprint, const SpeechBatch& batch);
// [B, T] bool of valid base frames, those of `loss_mask` where it is defined.
at::Tensor base_valid(const Frames& frames);

}  // namespace concertina
