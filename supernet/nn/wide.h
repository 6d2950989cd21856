// Shared by the vectorised loops of this module: bf16 as bits, exp, and the attribute that compiles
// a loop for several vector widths. Without LibTorch.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

// Clones for wider vectors are picked at load time, so one binary is fast on every x86 machine.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define CONCERTINA_WIDE __attribute__((target_clones("default", "arch=haswell", "arch=x86-64-v4")))
#else
#define CONCERTINA_WIDE
#endif

namespace concertina::kernels {

using bf16_bits = uint16_t;

inline float load(float v) { return v; }
inline float load(bf16_bits v) { return std::bit_cast<float>(static_cast<uint32_t>(v) << 16); }

// Rounds to nearest even; the low 16 bits are the result.
inline uint32_t to_bf16(float v) {
  const auto bits = std::bit_cast<uint32_t>(v);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return v != v ? 0x7fc0u : rounded;
}
inline void store(float v, float& out) { out = v; }
inline void store(float v, bf16_bits& out) { out = static_cast<bf16_bits>(to_bf16(v)); }

// exp(v) for v <= 0: 2^n times a Taylor polynomial of the remainder, |remainder| <= ln(2) / 2.
inline float exp_of_negative(float v) {
  v = std::max(v, -80.0f);
  constexpr float kShift = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const float n = (v * 1.44269504088896f + kShift) - kShift;
  const float r = v - n * 0.693359375f + n * 2.12194440e-4f;
  float e = 1.0f / 720.0f;
  e = e * r + 1.0f / 120.0f;
  e = e * r + 1.0f / 24.0f;
  e = e * r + 1.0f / 6.0f;
  e = e * r + 0.5f;
  e = e * r + 1.0f;
  e = e * r + 1.0f;
  return e * std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
}

}  // namespace concertina::kernels
