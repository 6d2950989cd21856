#include "supernet/nn/kernel_check.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "core/errors.h"
#include "core/log.h"

namespace concertina {
namespace {

constexpr uint64_t kSeed = 20260101;

Tensors sample_inputs(const SampleSizes& sizes, at::ScalarType low) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(kSeed);
  Tensors inputs;
  for (const auto& shape : sizes) {
    inputs.push_back(shape.empty() ? at::Tensor()
                                   : at::empty(shape).normal_(0, 1, generator).to(low));
  }
  return inputs;
}

at::Tensor cast(const at::Tensor& x, at::ScalarType dtype) { return x.defined() ? x.to(dtype) : x; }

Tensors cast(Tensors inputs, at::ScalarType dtype) {
  for (at::Tensor& x : inputs) x = cast(x, dtype);
  return inputs;
}

// The result, then the gradient of every input where they are wanted.
Tensors answers(const Tensors& inputs, at::ScalarType dtype, const ProductOf& product,
                bool gradients) {
  const at::AutoGradMode grad_mode(gradients);
  Tensors leaves, given;
  for (const at::Tensor& x : inputs) {
    leaves.push_back(x.defined() ? x.to(dtype, /*non_blocking=*/false, /*copy=*/true) : x);
    if (!x.defined() || !gradients) continue;
    leaves.back().requires_grad_();
    given.push_back(leaves.back());
  }
  const at::Tensor y = product(leaves);
  if (!gradients) return {y};
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(kSeed + 1);
  const at::Tensor slopes = at::empty(y.sizes()).normal_(0, 1, generator).to(at::kBFloat16);
  Tensors result = torch::autograd::grad({y}, given, {slopes.to(y.scalar_type())},
                                         /*retain_graph=*/std::nullopt, /*create_graph=*/false,
                                         /*allow_unused=*/true);
  result.insert(result.begin(), y.detach());
  return result;
}

double relative_error(const Tensors& a, const Tensors& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!a[i].defined() || !b[i].defined()) continue;  // no gradient flows there
    const at::Tensor reference = b[i].to(at::kDouble);
    const double difference = (a[i].to(at::kDouble) - reference).norm().item<double>();
    const double error = difference / std::max(reference.norm().item<double>(), 1e-30);
    if (!std::isfinite(error)) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, error);
  }
  return largest;
}

// Empty where the product throws: a kernel that does not exist is wrong, too.
Tensors try_answers(const Tensors& inputs, at::ScalarType dtype, const ProductOf& product,
                    bool gradients) {
  try {
    return answers(inputs, dtype, product, gradients);
  } catch (const std::exception&) {
    return {};
  }
}

double error_of(const Tensors& a, const Tensors& b) {
  return a.empty() || b.empty() ? std::numeric_limits<double>::infinity() : relative_error(a, b);
}

std::string_view dtype_name(at::ScalarType dtype) {
  return dtype == at::kBFloat16 ? "bf16" : "half";
}

std::string named_sizes(const ProductKey& key) {
  const auto& s = key.sizes;
  switch (key.product) {
    case Product::kLinear:
      return fmt::format("{} -> {}", s[1], s[0]);
    case Product::kMatmul:
      return fmt::format("with {} x {}", s[0], s[1]);
    case Product::kConv:
      return fmt::format("{} -> {} channels, kernel {}, stride {}{}", s[1], s[0], s[2], s[3],
                         s[4] > 1 ? fmt::format(", {} groups", s[4]) : "");
    case Product::kPositionalConv:
      return fmt::format("{} groups of {} channels, kernel {}", s[1], s[0], s[2]);
    case Product::kAttention:
      return fmt::format("{} heads of {}{}", s[0], s[1],
                         s[2] == 0   ? ""
                         : s[2] == 1 ? ", masked"
                                     : ", learned bias");
  }
  return {};
}

}  // namespace

std::string_view name_of(Product product) {
  switch (product) {
    case Product::kLinear:
      return "linear layer";
    case Product::kMatmul:
      return "matrix product";
    case Product::kConv:
      return "convolution";
    case Product::kPositionalConv:
      return "positional convolution";
    case Product::kAttention:
      return "attention";
  }
  return {};
}

std::string describe(const ProductKey& key) {
  return fmt::format("{} {}{}", name_of(key.product), named_sizes(key),
                     key.gradients ? ", with gradients" : "");
}

KernelCheck check_kernel(const ProductKey& key, at::ScalarType low, const SampleSizes& sizes,
                         const ProductOf& product) {
  const c10::InferenceMode no_inference(false);
  const Tensors inputs = sample_inputs(sizes, low);
  const auto in = [&](at::ScalarType dtype) {
    return try_answers(inputs, dtype, product, key.gradients);
  };
  const Tensors narrow = in(low), wide = in(at::kFloat);
  KernelCheck check{key, error_of(narrow, wide), CheckOutcome::kRight};
  if (check.error <= kMaxKernelError) return check;
  const Tensors exact = in(at::kDouble);
  check.error = error_of(narrow, exact);
  if (check.error <= kMaxKernelError) return check;
  const bool fp32_is_right = error_of(wide, exact) <= kMaxKernelError;
  check.outcome = fp32_is_right ? CheckOutcome::kReplaced : CheckOutcome::kWrong;
  return check;
}

CheckOutcome KernelChecks::outcome(const ProductKey& key, at::ScalarType low,
                                   const std::function<SampleSizes()>& sample_sizes,
                                   const ProductOf& product) {
  const std::pair entry(low, key);
  {
    const std::shared_lock lock(mutex_);
    if (const auto found = checks_.find(entry); found != checks_.end())
      return found->second.outcome;
  }
  const KernelCheck check = check_kernel(key, low, sample_sizes(), product);
  const std::unique_lock lock(mutex_);
  const bool first = std::ranges::none_of(checks_, [&](const auto& other) {
    return other.first.second.product == key.product &&
           other.second.outcome != CheckOutcome::kRight;
  });
  if (!checks_.emplace(entry, check).second) return check.outcome;  // another thread was faster
  if (first && check.outcome == CheckOutcome::kReplaced) {
    warn_(fmt::format(
        "{} in {} is wrong on this CPU (relative error {:.2g}): {} is computed in fp32 where it "
        "is; `concertina doctor` lists the kernels",
        describe(key), dtype_name(low), check.error, name_of(key.product)));
  }
  return check.outcome;
}

at::Tensor KernelChecks::run(ProductKey key, const Tensors& inputs,
                             const std::function<SampleSizes()>& sample_sizes,
                             const ProductOf& product) {
  const auto dtype = inputs.front().scalar_type();
  const bool low = dtype == at::kBFloat16 || dtype == at::kHalf;
  if (!low || !inputs.front().is_cpu()) return product(inputs);
  key.gradients = at::GradMode::is_enabled();
  switch (outcome(key, dtype, sample_sizes, product)) {
    case CheckOutcome::kRight:
      return product(inputs);
    case CheckOutcome::kReplaced:
      return product(cast(inputs, at::kFloat)).to(dtype);
    case CheckOutcome::kWrong:
      break;
  }
  throw CheckFailed(fmt::format(
      "{} is wrong on this CPU in {} and in fp32 too: `concertina doctor` lists what was checked",
      describe(key), dtype_name(dtype)));
}

std::vector<KernelCheck> KernelChecks::results() const {
  const std::shared_lock lock(mutex_);
  std::vector<KernelCheck> results;
  for (const auto& [key, check] : checks_) results.push_back(check);
  return results;
}

KernelChecks& kernel_checks() {
  static KernelChecks checks([](const std::string& sentence) { log_warn("{}", sentence); });
  return checks;
}

}  // namespace concertina
