// Checks of low-precision kernels at run time, since kernels differ from CPU to CPU. Before a
// product of bf16 or half tensors is first computed on the CPU for its sizes, the kernel is
// compared with fp32 on small seeded inputs; a kernel that is wrong is replaced: the product is
// computed in fp32 and rounded. (oneDNN 3.12 on CPUs with AMX: grouped bf16 convolutions with long
// kernels are wrong.)
#pragma once

#include <ATen/ATen.h>

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

namespace concertina {

enum class Product { kLinear, kMatmul, kConv, kPositionalConv, kAttention };
std::string_view name_of(Product product);  // "linear layer", ..

// What selects a kernel: the product, its sizes, and whether gradients are computed.
struct ProductKey {
  Product product = Product::kLinear;
  // Linear: out, in. Matmul: rows and columns of the second operand, kCheckedFrames where they
  // count frames. Conv: out, in, kernel, stride, groups. Positional conv: channels of a group,
  // groups, kernel. Attention: heads, their width, and 0 without a mask, 1 with one, 2 with a
  // learned one.
  std::vector<int64_t> sizes;
  bool gradients = false;
  auto operator<=>(const ProductKey&) const = default;
};
std::string describe(const ProductKey& key);  // "convolution 512 -> 512, kernel 3, stride 2"

enum class CheckOutcome { kRight, kReplaced, kWrong };
struct KernelCheck {
  ProductKey key;
  // Relative, |a - b| / |b| in the Euclidean norm, the largest of the result and every gradient;
  // infinite where the kernel threw or gave a NaN.
  double error = 0;
  CheckOutcome outcome = CheckOutcome::kRight;
};

inline constexpr int64_t kCheckedFrames = 64;  // of the inputs that kernels are checked with
// bf16 has a relative rounding error of 0.002, a kernel's partial sums perhaps another 0.002.
inline constexpr double kMaxKernelError = 0.02;

using Tensors = std::vector<at::Tensor>;                      // floating; undefined ones stay so
using ProductOf = std::function<at::Tensor(const Tensors&)>;  // in its inputs' dtype
using SampleSizes = std::vector<std::vector<int64_t>>;        // of each input; empty: undefined

// Compares `product` in `low` with fp32, on inputs rounded to `low`, and where they disagree both
// with fp64. kReplaced: fp32 is right; kWrong: it is wrong as well. Draws from a generator of its
// own; grad and inference modes of the caller have no effect.
KernelCheck check_kernel(const ProductKey& key, at::ScalarType low, const SampleSizes& sizes,
                         const ProductOf& product);

// Checks by key and dtype, each run once. Thread-safe.
class KernelChecks {
 public:
  // `warn` receives one sentence a product, when one of its kernels is first replaced.
  explicit KernelChecks(std::function<void(const std::string&)> warn) : warn_(std::move(warn)) {}

  // product(inputs); in fp32 and rounded where the kernel is wrong. key.gradients is set from grad
  // mode. CheckFailed where fp32 is wrong as well.
  at::Tensor run(ProductKey key, const Tensors& inputs,
                 const std::function<SampleSizes()>& sample_sizes, const ProductOf& product);
  std::vector<KernelCheck> results() const;  // in the order of their keys

 private:
  CheckOutcome outcome(const ProductKey& key, at::ScalarType low,
                       const std::function<SampleSizes()>& sample_sizes, const ProductOf& product);

  std::function<void(const std::string&)> warn_;
  mutable std::shared_mutex mutex_;
  std::map<std::pair<at::ScalarType, ProductKey>, KernelCheck> checks_;
};

// Of the process; all products of the model go through it. Warns through the log.
KernelChecks& kernel_checks();

}  // namespace concertina
