// The weights and waveforms of tests/parity/golden/closed_form.py, and the comparison with what the
// packages make of them.
#pragma once

#include <gtest/gtest.h>

#include <cmath>

#include "core/hash.h"
#include "supernet/model/safetensors.h"
#include "tests/model/models.h"

namespace concertina::testing {

inline const std::string kGolden = std::string(CONCERTINA_SOURCE_DIR) + "/tests/model/golden/";

inline std::vector<double> uniform(const std::string& name, int64_t count) {
  std::vector<double> values(static_cast<size_t>(count));
  const uint64_t seed = hash64(name);
  for (size_t i = 0; i < values.size(); ++i) {
    uint64_t z = seed + (i + 1) * 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    z ^= z >> 31;
    values[i] = static_cast<double>(z >> 11) * std::ldexp(1.0, -52) - 1.0;
  }
  return values;
}

inline at::Tensor closed_form(const TensorSlice& slice) {
  std::vector<int64_t> shape;
  for (const DimSlice& dim : slice.dims) shape.push_back(dim.size);
  at::Tensor u = at::tensor(uniform(slice.name, slice.numel()), at::kDouble);
  if (slice.name.ends_with("weight_g")) {
    u = 2 + 0.4 * u;
  } else if (slice.name.ends_with("bias")) {
    u = 0.1 * u;
  } else if (shape.size() == 1 && slice.name != "mask_emb") {
    u = 1 + 0.2 * u;
  } else if (shape.size() > 1) {
    double fan_in = 1;
    for (size_t d = 1; d < shape.size(); ++d) fan_in *= static_cast<double>(shape[d]);
    u = u * std::sqrt(3.0 / fan_in);
  }
  return u.to(at::kFloat).view(shape);
}

inline Supernet closed_form_model(const SearchSpace& space) {
  TensorMap weights;
  const Storage storage = space.storage();
  for (const TensorSlice& slice : tensor_slices(space.blueprint(), storage, storage.shape)) {
    weights[slice.name] = closed_form(slice);
  }
  return Supernet(space, std::move(weights));
}

inline Supernet closed_form_model(const Blueprint& blueprint, const Architecture& architecture) {
  return closed_form_model(SearchSpace::single(blueprint, {architecture, SlicingRule::kPrefix}));
}

// Clips of these many samples of "golden waveform", padded to the longest.
inline SpeechBatch golden_batch(const std::vector<int64_t>& lengths) {
  std::vector<std::vector<float>> clips;
  for (int64_t samples : lengths) {
    const std::vector<double> values = uniform("golden waveform", samples);
    std::vector<float>& clip = clips.emplace_back();
    for (double value : values) clip.push_back(static_cast<float>(0.3 * value));
  }
  return make_batch(clips);
}

// The bound: 2e-5 * max(1, max |golden|).
inline void expect_near(const at::Tensor& ours, const at::Tensor& golden, const std::string& what) {
  ASSERT_EQ(ours.sizes(), golden.sizes()) << what;
  const double bound = 2e-5 * std::max(1.0, golden.abs().max().item<double>());
  EXPECT_LE(max_difference(ours, golden), bound) << what;
}

// Every `step`-th value of [states, B, T, E].
inline at::Tensor thinned(const std::vector<at::Tensor>& states, int64_t step) {
  return at::stack(states).flatten().slice(0, 0, std::nullopt, step);
}

}  // namespace concertina::testing
