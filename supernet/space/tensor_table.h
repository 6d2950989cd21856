// The one table of a model's tensors. A row is a module of the network: its name in each package,
// its dimensions as sizes of an architecture, its initial values. All else is derived from it:
// slices (slicing.h), parameters (cost.h), prunable units (unit_axes.h), the weights of the forward
// pass (nn/weights.h), random models (model/supernet.h), names in pretrained checkpoints
// (checkpoint/names.h). Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "supernet/space/architecture.h"
#include "supernet/space/blueprint.h"

namespace concertina {

// In the order of the forward pass.
enum class TensorModule {
  kMelMean,
  kMelStd,
  kConv,  // one per conv layer, as is its norm
  kConvNorm,
  kFeatureScale,
  kFeatureNorm,
  kRateConv,  // CIF's alpha net
  kRateNorm,
  kRateProjection,
  kJoin,       // of whole frames: convolution or linear layer
  kStemInput,  // Whisper's convolutions
  kStemOutput,
  kProjection,
  kMaskEmbedding,
  kPositions,  // table of position vectors, added to the layers' input
  kPositionalConv,
  kEncoderNorm,
  kPositionTable,
  kKey,  // from here on one per encoder layer
  kValue,
  kQuery,
  kAttentionOutput,
  kPositionGate,
  kPositionGateScale,
  kAttentionNorm,
  kFfnInput,
  kFfnOutput,
  kFfnNorm,
};

// Which of a module's tensors. kWhole: the module is one tensor, named without a suffix. The scale
// g and the direction v stand for a weight under weight norm: weight = g * v / ||v||.
enum class TensorPart { kWhole, kWeight, kScale, kDirection, kBias };

// The size of one dimension. Those of the first group run over prunable units (unit_axes.h).
enum class AxisSize {
  kConvChannels,      // of this conv layer
  kConvInputs,        // channels of the conv layer before; 1 for the first
  kFeatures,          // what the front end gives
  kRateChannels,      // inside the rate unit: as many as features
  kStemChannels,      // between Whisper's convolutions: as many as embedding channels
  kEmbed,             // embedding channels
  kEmbedOfConvGroup,  // embedding channels of one group of the positional conv
  kHeadChannels,      // head_dim * heads of this layer
  kFfn,               // FFN neurons of this layer

  kOne,
  kMelBins,
  kConvKernel,
  kStemKernel,
  kRateConvKernel,
  kJoinedFrames,
  kJoinedChannels,  // embedding channels of all joined frames
  kPositionalKernel,
  kPositionRows,
  kBuckets,
  kMappingHeads,
  kHeads,
  kHeadDim,
  kGateWidth,
};

enum class TensorInit {
  kZeros,
  kOnes,
  kUniform,           // U(0, 1)
  kXavierUniform,     // Glorot & Bengio 2010
  kKaimingNormal,     // He et al. 2015, by inputs, as fairseq's conv layers
  kPositionalNormal,  // N(0, 4 / (kernel * E)), as fairseq's positional conv
  kSinusoids,         // of positions, Vaswani et al. 2017, as Whisper's; see below
  kDirectionNorm,     // ||v|| for each tap, so that the weight starts as v
};

// Whisper's table of positions: with half = E / 2 and w = exp(-ln(10000) / (half - 1)), row t has
// sin(t w^i) in columns i and cos(t w^i) in columns half + i; 0 in the last column of an odd E.
inline constexpr int64_t kWhisperKernel = 3;  // of both of its convolutions

struct TensorRow;

struct TensorId {
  const TensorRow* row = nullptr;  // of the table, never null
  TensorPart part = TensorPart::kWhole;
  int32_t index = 0;  // conv layer or encoder layer; 0 elsewhere

  TensorModule module() const;
  TensorInit init() const;
  bool is_matrix() const;   // weight decay applies, low precision may: matrices and convolutions
  bool is_trained() const;  // false: statistics measured once
  std::span<const AxisSize> axes() const;
};

struct TensorEntry {
  TensorId id;
  std::array<int64_t, 4> extents = {};
  int32_t dims = 0;

  std::span<const int64_t> sizes() const { return {extents.data(), static_cast<size_t>(dims)}; }
  int64_t numel() const;
};

// All tensors of an architecture, in the order of the forward pass. The architecture fits the front
// end (violations.h).
std::vector<TensorEntry> tensor_table(const Blueprint& blueprint, const Architecture& architecture);

// Whose names: fairseq's are ours, LightHuBERT's, DistilHuBERT's and those of transformers'
// WhisperModel too. kTransformers: its HuBERT and relatives. kOpenAi: Whisper's own package, in
// checkpoint/names.h only.
enum class Naming { kFairseq, kTransformers, kOpenAi };
// PyTorch has two ways to say weight norm: weight_g and weight_v (torch.nn.utils.weight_norm), or
// parametrizations.weight.original0 and original1 (torch.nn.utils.parametrizations.weight_norm).
enum class WeightNormNames { kHook, kParametrization };

std::string tensor_name(const TensorId& tensor);  // ours
std::string tensor_name(const TensorId& tensor, Naming naming, WeightNormNames weight_norm);
// Of a module that is not one per layer.
std::string tensor_name(TensorModule module, TensorPart part = TensorPart::kWhole);
// The tensor that has this name of ours; none where no model has it.
std::optional<TensorId> tensor_named(std::string_view name);

bool is_per_encoder_layer(TensorModule module);
// True for what the front end reads: everything before rate unit and projection.
bool is_of_front_end(TensorModule module);
// True for what computes attention: projections of queries, keys, values and output, position bias.
bool is_of_attention(TensorModule module);

// Whether the architecture has tensors of a rate unit: only where its frame period is above the
// base. A storage whose period is above the base has the unit. cif: Conv1d(C, C, kRateKernel),
// LayerNorm, ReLU, Linear(C, 1) over the front end's features (Chen et al. 2022, OFA). conv,
// linear: one layer over `joined_frames` frames of E (FitHuBERT). average has none.
inline constexpr int64_t kRateKernel = 5;
bool has_rate_unit(const Blueprint& blueprint, const Architecture& architecture);

// Base frames that the rate conv, linear or average makes one of; 1 where it does nothing.
int64_t joined_frames(const Blueprint& blueprint, const Architecture& architecture);

// Outputs of WavLM's gate, a linear layer over each head's channels of the layer's input.
inline constexpr int64_t kGateOutputs = 8;
// The most heads of any layer that makes an attention map: columns of the table of position biases.
int64_t most_mapping_heads(const Blueprint& blueprint, const Architecture& architecture);

}  // namespace concertina
