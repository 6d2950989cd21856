// The slicing rule as data: for one architecture, the list of its tensors (tensor_table.h), each
// with the part of the supernet's tensor that it takes. Layers keep their index in the supernet.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "supernet/space/architecture.h"
#include "supernet/space/blueprint.h"
#include "supernet/space/storage.h"
#include "supernet/space/tensor_table.h"

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
  // Scale g and direction v of a narrower subnet: W = the sub-block `dims` (of v) of g * v / ||v||,
  // computed on the full tensors; the subnet's v is W, its g the norm of W for each tap. At full
  // width both are kPlain.
  kBakedWeightNorm
};

struct TensorSlice {
  std::string name;
  SliceKind kind = SliceKind::kPlain;
  std::vector<DimSlice> dims;
  bool decay = false;          // weight decay applies (matrices and convolutions)
  bool low_precision = false;  // bf16 is allowed (matrices and convolutions; the rest stays fp32)
  bool trained = true;         // false: statistics measured once (mel mean and std)
  std::string scale;           // of a direction v that is kBakedWeightNorm: the name of its g
  std::vector<int64_t> shape() const;
  int64_t numel() const;
};

// Shapes of the supernet's own tensors: tensor_slices(blueprint, storage, storage.shape).
// InputError when `architecture` cannot be sliced from the storage (violations.h).
std::vector<TensorSlice> tensor_slices(const Blueprint& blueprint, const Storage& storage,
                                       const Architecture& architecture);

// LightHuBERT's FFN rule: rows of 4 blocks of `storage_embed`, the first min(E, F - bE) of each
// block b.
std::vector<int64_t> interleaved_ffn_rows(int32_t storage_embed, int32_t embed_dim,
                                          int32_t ffn_dim);

}  // namespace concertina
