// Prediction heads of objectives (not attention heads). They slice with the student's width.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/enum_names.h"
#include "core/rng.h"
#include "supernet/model/parameters.h"

namespace concertina {

// linear: NAME.weight [out, E], NAME.bias [out].
// gelu: Linear, GELU, Linear (DistilHuBERT, Chang et al. 2022): NAME.0 [out, E], NAME.1 [out, out].
// mlp: four Linear layers E, 2E, E, 2E, out, with norm and ReLU after the first and the third (SimReg,
// Navaneet et al. 2021); LayerNorm in place of batch norm, which would depend on padding and on
// the subnet (our form). Hidden widths are those of the largest student.
enum class HeadKind { kLinear, kGelu, kMlp };
template <>
inline constexpr auto kEnumNames<HeadKind> = name_table("linear", "gelu", "mlp");

struct Head {
  std::string name;
  HeadKind kind = HeadKind::kLinear;
  int64_t out = 0;
  int64_t in = 0;  // width of the largest student
};

// Xavier-uniform weights and zero biases; `lr_scale` of the learning rate.
std::vector<Parameters::Init> head_parameters(const Head& head, const Rng& rng,
                                              double lr_scale = 1);
std::vector<TensorSlice> head_slices(const Head& head, int64_t embed_dim);
// x [.., embed_dim] -> [.., out] fp32
at::Tensor apply_head(const TensorMap& heads, const Head& head, const at::Tensor& x);

// Linear ones.
std::vector<Parameters::Init> head_parameters(const std::string& name, int64_t out,
                                              int64_t embed_dim, const Rng& rng,
                                              double lr_scale = 1);
std::vector<TensorSlice> head_slices(const std::string& name, int64_t out, int64_t embed_dim);
at::Tensor apply_head(const TensorMap& heads, const std::string& name, const at::Tensor& x);

}  // namespace concertina
