// What objectives know of a teacher: named rows, a vector for every base (20 ms) frame. Attention maps,
// Gram matrices and pooled vectors are computed from rows by the objectives that need them, so that
// rows can be cached and no [T, T] map leaves the encoder. A row's name says how it is computed:
// objectives that need rows of one name share them.
#pragma once

#include <ATen/ATen.h>

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/enum_names.h"
#include "supernet/model/forward.h"

namespace concertina {

enum class RowKind { kHidden, kFfn, kQuery, kKey, kValue, kLayerMean, kLogits };
template <>
inline constexpr auto kEnumNames<RowKind> =
    name_table("hidden", "ffn", "query", "key", "value", "layer_mean", "logits");

struct Row {
  int32_t teacher = 0;  // which of a stage's teachers
  RowKind kind = RowKind::kHidden;
  // Hidden: 0 to depth, as WantedOutputs::hidden; ffn, query, key, value: 1 to depth. Layer mean: the
  // mean of the FFN results of this many last layers. Logits, of the unit head: depth.
  int32_t layer = 0;
  bool instance_norm = false;  // over time, of each layer before a mean
  bool masked = false;         // of a pass on masked input; never cached
  auto operator<=>(const Row&) const = default;
};
std::string name_of(const Row& row);     // "0/hidden:4", "0/layer_mean:4:inorm", "1/key:3:masked"
std::string hidden_name(int32_t layer);  // of the only teacher: "0/hidden:4"

using Rows = TensorMap;  // by name: [B, T, dim] fp32

// The rows of a batch, without gradients. Each teacher runs once (once more for masked rows), up to
// the last layer that is needed. Unmasked rows do not read batch.mask. Thread-safe. InputError when a
// teacher has no such layer, no such projection there or no unit head.
//
// Row t is the teacher's frame that is nearest in time to frame t of `student`: front ends differ in
// where they centre their frames (Whisper's are 18 ms before those of log-mel features).
Rows teacher_rows(const std::vector<Row>& rows, std::span<const Subnet> teachers,
                  const Blueprint& student, const SpeechBatch& batch);

// (x - mean) / sqrt(variance + 1e-5) of each utterance and channel over its valid frames.
// x [B, T, D], valid [B, T].
at::Tensor instance_norm_over_time(const at::Tensor& x, const at::Tensor& valid);

}  // namespace concertina
