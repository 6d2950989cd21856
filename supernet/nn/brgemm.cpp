#include "supernet/nn/brgemm.h"

#include <c10/util/BFloat16.h>

#include <array>
#include <cmath>
#include <exception>

namespace concertina {
namespace {

// Small integers: sums are exact, so that a correct result is equal to the last bit.
bool multiplies_pairs() {
  constexpr int64_t kM = 16, kN = 16, kK = 32;
  const auto left = [](int64_t i, int64_t k) {
    return static_cast<float>((3 * i + 5 * k) % 7 - 3);
  };
  const auto right = [](int64_t k, int64_t j) { return static_cast<float>((k + 2 * j) % 5 - 2); };
  std::array<at::BFloat16, kM * kK> a;
  std::array<at::BFloat16, kK * kN> b;
  std::array<float, kM * kN> c{};
  for (int64_t k = 0; k < kK; ++k) {
    for (int64_t i = 0; i < kM; ++i) a[static_cast<size_t>(i * kK + k)] = left(i, k);
    for (int64_t j = 0; j < kN; ++j) {
      b[static_cast<size_t>((k / 2 * kN + j) * 2 + k % 2)] = right(k, j);
    }
  }
  try {
    brgemm_add({kM, kN, kK, kK, kN, kN}, a.data(), b.data(), c.data(), /*add=*/false);
    brgemm_done();
  } catch (const std::exception&) {
    return false;  // oneDNN has no such kernel for this CPU
  }
  for (int64_t i = 0; i < kM; ++i) {
    for (int64_t j = 0; j < kN; ++j) {
      float sum = 0;
      for (int64_t k = 0; k < kK; ++k) sum += left(i, k) * right(k, j);
      if (c[static_cast<size_t>(i * kN + j)] != sum) return false;
    }
  }
  return true;
}

}  // namespace

bool brgemm_takes_bf16() {
  static const bool kTakes = multiplies_pairs();
  return kTakes;
}

}  // namespace concertina
