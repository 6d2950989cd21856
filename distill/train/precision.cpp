#include "distill/train/precision.h"

#include <ATen/detail/CUDAHooksInterface.h>
#include <fmt/format.h>

#include "core/errors.h"
#include "supernet/nn/cpu.h"

namespace concertina {
namespace {

// Before Ampere, GPUs emulate bf16. (PyTorch exposes only this check without
// CUDA's headers: cuDNN's bf16 convolutions need compute capability 8.)
bool gpu_multiplies_bf16() {
  return at::detail::getCUDAHooks().supportsBFloat16ConvolutionWithCuDNNv8();
}

}  // namespace

at::ScalarType training_dtype(const std::string& name, at::Device device) {
  if (name == "fp32") return at::kFloat;
  if (name == "bf16") return at::kBFloat16;
  if (name != "auto") {
    throw InputError(fmt::format("dtype is '{}': expected fp32, bf16 or auto", name));
  }
  const bool multiplies_bf16 =
      device.is_cuda() ? gpu_multiplies_bf16() : cpu_has_any({"avx512_bf16", "amx_bf16", "bf16"});
  return multiplies_bf16 ? at::kBFloat16 : at::kFloat;
}

}  // namespace concertina
