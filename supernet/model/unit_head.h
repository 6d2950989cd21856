// The head with which a model was pretrained to predict units from its last layer, where its file has
// it (HuBERT, Hsu et al. 2021): the logit of unit k is cos(A x + b, c_k) / temperature, or the k-th
// channel of A x + b without codewords. It is an optional part of a model's weights, which whole models
// have and slices do not: `unit_head.weight` [D, E], `.bias` [D], and `.codewords` [units, D] with
// `.temperature` [1], or neither. Functions are pure: thread-safe.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>

#include "supernet/nn/weights.h"
#include "supernet/space/unit_head_names.h"

namespace concertina {

bool is_of_unit_head(const std::string& tensor);
// Why the tensors are no unit head of a model of this width, or "".
std::string unit_head_problem(const TensorMap& weights, int64_t embed_dim);
int64_t unit_count(const TensorMap& weights);  // 0: there is no unit head
TensorMap unit_head_of(const TensorMap& weights);
// x [.., E] -> [.., units], fp32.
at::Tensor unit_logits(const TensorMap& weights, const at::Tensor& x);

}  // namespace concertina
