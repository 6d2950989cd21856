#include "supernet/space/slicing.h"

#include <algorithm>

#include "supernet/space/violations.h"

namespace concertina {
namespace {

// Rows that are not a prefix: LightHuBERT's FFN blocks, the first channels of each joined frame.
std::vector<int64_t> listed_rows(AxisSize size, int64_t extent, const Storage& storage,
                                 int32_t embed) {
  const int32_t stored = storage.shape.embed_dim();
  const bool blocks = size == AxisSize::kJoinedChannels ||
                      (size == AxisSize::kFfn && storage.rule == SlicingRule::kLightHubert);
  if (!blocks || embed == stored || extent <= embed) return {};
  return interleaved_ffn_rows(stored, embed, static_cast<int32_t>(extent));
}

TensorSlice slice_of(const TensorEntry& entry, const Storage& storage, int32_t embed) {
  const TensorId& id = entry.id;
  TensorSlice slice{.name = tensor_name(id)};
  const std::span<const AxisSize> axes = id.axes();
  for (size_t d = 0; d < axes.size(); ++d) {
    const int64_t extent = entry.sizes()[d];
    slice.dims.push_back({extent, listed_rows(axes[d], extent, storage, embed)});
  }
  slice.decay = slice.low_precision = id.is_matrix();
  slice.trained = id.is_trained();
  const bool normed = id.part == TensorPart::kScale || id.part == TensorPart::kDirection;
  if (normed && embed != storage.shape.embed_dim()) {
    slice.kind = SliceKind::kBakedWeightNorm;
    if (id.part == TensorPart::kDirection)
      slice.scale = tensor_name(TensorId{id.row, TensorPart::kScale});
  }
  return slice;
}

}  // namespace

std::vector<int64_t> TensorSlice::shape() const {
  std::vector<int64_t> sizes;
  for (const DimSlice& dim : dims) sizes.push_back(dim.size);
  return sizes;
}

int64_t TensorSlice::numel() const {
  int64_t count = 1;
  for (const DimSlice& dim : dims) count *= dim.size;
  return count;
}

std::vector<TensorSlice> tensor_slices(const Blueprint& blueprint, const Storage& storage,
                                       const Architecture& architecture) {
  check_fit(blueprint, storage, architecture);
  std::vector<TensorSlice> slices;
  for (const TensorEntry& entry : tensor_table(blueprint, architecture)) {
    slices.push_back(slice_of(entry, storage, architecture.embed_dim()));
  }
  return slices;
}

std::vector<int64_t> interleaved_ffn_rows(int32_t storage_embed, int32_t embed_dim,
                                          int32_t ffn_dim) {
  std::vector<int64_t> rows;
  rows.reserve(static_cast<size_t>(ffn_dim));
  for (int64_t block = 0; static_cast<int64_t>(rows.size()) < ffn_dim; ++block) {
    const int64_t count = std::min<int64_t>(embed_dim, ffn_dim - block * embed_dim);
    for (int64_t i = 0; i < count; ++i) rows.push_back(block * storage_embed + i);
  }
  return rows;
}

}  // namespace concertina
