// Span masks for masked prediction (fairseq's compute_mask_indices, static spans, overlaps
// allowed).
#pragma once

#include <cstdint>
#include <vector>

#include "core/config.h"
#include "core/rng.h"

namespace concertina {

struct MaskOptions {
  double probability = 0.65;
  int32_t length = 10;
  int32_t min_spans = 2;  // not an option of configs
};

const OptionTable<MaskOptions>& mask_table();

// true = masked; `frames` long. Number of spans = probability * frames / length + U[0,1), at least
// min_spans; starts are drawn without replacement.
std::vector<uint8_t> span_mask(int64_t frames, const MaskOptions& options, Rng& rng);

}  // namespace concertina
