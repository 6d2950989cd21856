#include "supernet/model/unit_head.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace concertina {
namespace {

at::Tensor of_unit_length(const at::Tensor& x) { return x / x.norm(2, -1, true).clamp_min(1e-8); }

}  // namespace

bool is_of_unit_head(const std::string& tensor) { return tensor.starts_with(kUnitHead); }

std::string unit_head_problem(const TensorMap& weights, int64_t embed_dim) {
  const TensorMap head = unit_head_of(weights);
  if (head.empty()) return "";
  for (const char* name : {kUnitHeadWeight, kUnitHeadBias}) {
    if (!head.contains(name)) return fmt::format("{} is missing", name);
  }
  const at::Tensor& weight = head.at(kUnitHeadWeight);
  if (weight.dim() != 2 || weight.size(1) != embed_dim)
    return fmt::format("{} is [{}], expected [.., {}]", kUnitHeadWeight,
                       fmt::join(weight.sizes(), ", "), embed_dim);
  const int64_t dim = weight.size(0);
  const auto expect = [&](const char* name, bool fits) {
    return fits ? "" : fmt::format("{} does not fit {}", name, kUnitHeadWeight);
  };
  const at::Tensor& bias = head.at(kUnitHeadBias);
  if (bias.dim() != 1 || bias.size(0) != dim) return expect(kUnitHeadBias, false);
  const auto codewords = head.find(kUnitHeadCodewords),
             temperature = head.find(kUnitHeadTemperature);
  const bool has_codewords = codewords != head.end();
  if (has_codewords != (temperature != head.end()))
    return fmt::format("{} needs {}", kUnitHeadCodewords, kUnitHeadTemperature);
  if (head.size() != (has_codewords ? 4U : 2U)) return "an unknown tensor of the unit head";
  if (!has_codewords) return "";
  const at::Tensor& all = codewords->second;
  if (temperature->second.numel() != 1) return expect(kUnitHeadTemperature, false);
  return expect(kUnitHeadCodewords, all.dim() == 2 && all.size(1) == dim);
}

int64_t unit_count(const TensorMap& weights) {
  const auto codewords = weights.find(kUnitHeadCodewords), bias = weights.find(kUnitHeadBias);
  if (codewords != weights.end()) return codewords->second.size(0);
  return bias != weights.end() ? bias->second.size(0) : 0;
}

TensorMap unit_head_of(const TensorMap& weights) {
  TensorMap head;
  const std::string prefix(kUnitHead);
  for (auto it = weights.lower_bound(prefix); it != weights.end() && is_of_unit_head(it->first);
       ++it)
    head.insert(*it);
  return head;
}

at::Tensor unit_logits(const TensorMap& weights, const at::Tensor& x) {
  const at::Tensor projected =
      at::linear(x.to(at::kFloat), weights.at(kUnitHeadWeight), weights.at(kUnitHeadBias));
  const auto codewords = weights.find(kUnitHeadCodewords);
  if (codewords == weights.end()) return projected;
  const at::Tensor cosines =
      at::matmul(of_unit_length(projected), of_unit_length(codewords->second).t());
  return cosines / weights.at(kUnitHeadTemperature);
}

}  // namespace concertina
