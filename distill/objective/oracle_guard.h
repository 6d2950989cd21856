// What labels do to a teacher that sees them (Yoon et al. 2021): right ones should help, and wrong ones should
// not be believed. A teacher that copies its labels gives nothing that the labels do not.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>

namespace concertina {

// 0-d fp32: shares of the valid frames.
struct OracleGuard {
  at::Tensor right;   // whose unit it says, with right labels,
  at::Tensor hidden;  // with none: from the audio alone,
  at::Tensor wrong;   // and with those of the wrong units
  // Whose wrong unit it says, beyond what its predictions and the wrong units of a clip would agree on in
  // any order.
  at::Tensor followed;
};

// Logits [B, T, K] of a teacher that is given labels: units [B, T] int64, undefined for none.
using OraclePrediction = std::function<at::Tensor(const at::Tensor& units)>;

// The wrong unit of a frame is (unit + K / 2) mod K, which is right nowhere for K > 1. units, valid [B, T].
OracleGuard oracle_guard(const OraclePrediction& predict, const at::Tensor& units,
                         const at::Tensor& valid, int64_t count);

// Right labels help, and with wrong ones at most one frame in a hundred is right beyond those without labels,
// or says the wrong unit beyond chance. Waits for the values.
bool holds(const OracleGuard& guard);

}  // namespace concertina
