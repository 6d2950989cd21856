// Linear prediction heads of objectives (not attention heads): NAME.weight [out, embed_dim] and
// NAME.bias [out]. They slice with the student's width.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/rng.h"
#include "supernet/model/parameters.h"

namespace concertina {

// Xavier-uniform weight and zero bias; `lr_scale` of the learning rate.
std::vector<Parameters::Init> head_parameters(const std::string& name, int64_t out,
                                              int64_t embed_dim, const Rng& rng,
                                              double lr_scale = 1);
std::vector<TensorSlice> head_slices(const std::string& name, int64_t out, int64_t embed_dim);
// x [.., embed_dim] -> [.., out] fp32
at::Tensor apply_head(const TensorMap& heads, const std::string& name, const at::Tensor& x);

}  // namespace concertina
