// A learned way from compressed frames to base frames: FitHuBERT's transposed convolution (Lee et al.
// 2022), which gives each frame `phases` base frames, y[t] = W_j x[t'] + b for the j-th base frame of
// frame t'. Ours for any frame period: y[t] = (B (x W_j'))[t] + b with the back map B of the rate unit;
// j counts the base frames since the largest entry of row t of B last moved, and stays at the last
// phase in longer frames. Where the back map repeats frames this is the transposed convolution. Students
// at the base rate have phase 0 only.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "supernet/model/forward.h"
#include "supernet/model/parameters.h"

namespace concertina {

struct Upsampling {
  std::string name;
  int64_t phases = 2;
  int64_t dim = 0;  // width of the largest student
};

// NAME.J.weight [dim, dim], which start as the identity, and NAME.bias [dim].
std::vector<Parameters::Init> upsampling_parameters(const Upsampling& upsampling);
std::vector<TensorSlice> upsampling_slices(const Upsampling& upsampling,
                                           const Architecture& student);
// x [B, T', E] -> [B, T, E]. Thread-safe.
at::Tensor upsample(const TensorMap& heads, const Upsampling& upsampling, const Frames& frames,
                    const at::Tensor& x);

}  // namespace concertina
