// No low-precision kernel is trusted on a CPU nobody has tried. Before a product of bf16 or half
// tensors is first computed on the CPU for its sizes, the kernel's answer to small seeded inputs is
// compared with fp32's; a kernel that is off is not used: the product is computed in fp32 and
// rounded. (oneDNN 3.12 on CPUs with AMX: grouped bf16 convolutions with long kernels give noise.)
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

// What picks a kernel: a product, its sizes, and whether gradients are wanted too.
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
  // infinite where the kernel threw or made something that is not a number.
  double error = 0;
  CheckOutcome outcome = CheckOutcome::kRight;
};

inline constexpr int64_t kCheckedFrames = 64;  // of the inputs that kernels are checked with
// bf16 rounds results by 0.002 of their size, a kernel's partial sums perhaps by as much again.
inline constexpr double kLargestKernelError = 0.02;

using Tensors = std::vector<at::Tensor>;                      // floating; undefined ones stay so
using ProductOf = std::function<at::Tensor(const Tensors&)>;  // in its inputs' dtype
using SampleSizes = std::vector<std::vector<int64_t>>;        // of each input; empty: undefined

// Compares `product` in `low` with the same in fp32, on inputs rounded to `low`, and where they
// disagree both with fp64. kReplaced: fp32 is right; kWrong: it is not either. No generator but its
// own is drawn from; grad and inference modes of the caller do not matter.
KernelCheck check_kernel(const ProductKey& key, at::ScalarType low, const SampleSizes& sizes,
                         const ProductOf& product);

// Checks by key and dtype, each made once. Thread-safe.
class KernelChecks {
 public:
  // `warn` gets one sentence a product, when first one of its kernels is replaced.
  explicit KernelChecks(std::function<void(const std::string&)> warn) : warn_(std::move(warn)) {}

  // product(inputs); in fp32 and rounded where the kernel was found to be off. key.gradients is set
  // from grad mode. CheckFailed where fp32 is wrong as well.
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

// The process's, which the model's products go through; warns through the log.
KernelChecks& kernel_checks();

}  // namespace concertina
