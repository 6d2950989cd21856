// How the channels of teacher rows are normalised before a student regresses them.
#pragma once

#include <string>
#include <vector>

#include "core/enum_names.h"
#include "distill/objective/objective.h"

namespace concertina {

// standard: mean 0 and variance 1 over a sample of the training audio, computed once and kept in the
// objective's state; instance: over the frames of each utterance.
enum class ChannelNorm { kStandard, kInstance, kNone };
template <>
inline constexpr auto kEnumNames<ChannelNorm> = name_table("standard", "instance", "none");

inline constexpr int64_t kStatisticsBatches = 32;

// "ROW/mean" and "ROW/std" [dim] fp32 of each row, over the valid frames of kStatisticsBatches
// batches; nothing unless kStandard.
TensorMap channel_statistics(ChannelNorm norm, const std::vector<std::string>& rows,
                             const RowSampler& sample);
// x [B, T, dim] of a row, by its statistics, and back; x itself unless kStandard. Thread-safe.
at::Tensor standardised(ChannelNorm norm, const std::string& row, const at::Tensor& x,
                        const TensorMap& state);
at::Tensor original_scale(ChannelNorm norm, const std::string& row, const at::Tensor& x,
                          const TensorMap& state);

}  // namespace concertina
