// The slicing rule as data: for one architecture, the list of its tensors, each with the part of
// the supernet's tensor it is made of. slice, bind, extract and the parameter count all read
// this one list. Tensor names are fairseq's / LightHuBERT's; layers keep their index in the
// supernet.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "supernet/space/architecture.h"
#include "supernet/space/blueprint.h"
#include "supernet/space/storage.h"

namespace concertina {

// One dimension of one tensor: the first `size` entries, or the listed ones when `indices` is not
// empty.
struct DimSlice {
  int64_t size = 0;
  std::vector<int64_t> indices;
  bool operator==(const DimSlice&) const = default;
};

enum class SliceKind {
  kPlain,  // the sub-block given by dims
  // Entries NAME_g and NAME_v of a narrower subnet: W = the sub-block `dims` (of NAME_v) of g * v /
  // ||v||, taken on the full tensors; the subnet's v is W, its g the norm of W for each tap. At
  // full width both are kPlain.
  kBakedWeightNorm
};

struct TensorSlice {
  std::string name;
  SliceKind kind = SliceKind::kPlain;
  std::vector<DimSlice> dims;
  bool decay = false;  // weight decay applies (matrices and convolutions)
  bool low_precision =
      false;  // may be held in bf16 (matrices and convolutions; norms and scalars stay fp32)
  bool trained = true;  // false: statistics measured once (mel mean and std)
  std::vector<int64_t> shape() const;
  int64_t numel() const;
};

// Whether the architecture has tensors of a rate unit: only where its frame period is above the
// base. A storage whose period is above the base has the unit. cif: Conv1d(C, C, kRateKernel),
// LayerNorm, ReLU, Linear(C, 1) over the front end's features (Chen et al. 2022, OFA). conv,
// linear: one layer over `joined_frames` frames of E (FitHuBERT). average has none.
inline constexpr int64_t kRateKernel = 5;
bool has_rate_unit(const Blueprint& blueprint, const Architecture& architecture);

// Base frames that the rate conv, linear or average makes one of; 1 where it does nothing.
int64_t joined_frames(const Blueprint& blueprint, const Architecture& architecture);

// WavLM's gate: how many numbers of each head's part of the layer's input it reads.
inline constexpr int64_t kGateOutputs = 8;
// The most heads of any layer that makes an attention map: columns of the table of position biases.
int64_t most_mapping_heads(const Blueprint& blueprint, const Architecture& architecture);

// Shapes of the supernet's own tensors: tensor_slices(blueprint, storage, storage.shape).
// Throws InputError when `architecture` cannot be sliced from the storage (violations.h).
std::vector<TensorSlice> tensor_slices(const Blueprint& blueprint, const Storage& storage,
                                       const Architecture& architecture);

// LightHuBERT's FFN rule: rows of 4 blocks of `storage_embed`, the first min(E, F - bE) of each
// block b.
std::vector<int64_t> interleaved_ffn_rows(int32_t storage_embed, int32_t embed_dim,
                                          int32_t ffn_dim);

}  // namespace concertina
