// How sure an ABX error is. Plain numbers, no tensors.
#pragma once

#include <cstdint>
#include <span>

#include "core/rng.h"
#include "eval/metrics.h"
#include "speech/abx.h"

namespace concertina {

// 95 % percentile bootstrap over clips: a clip drawn k times weighs its triples k times, the product
// for triples of several clips.
Interval bootstrap_abx(std::span<const AbxToken> tokens, std::span<const AbxTriple> triples,
                       std::span<const double> errors, Rng rng,
                       int32_t resamples = kBootstrapResamples);

}  // namespace concertina
