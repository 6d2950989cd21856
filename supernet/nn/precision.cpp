#include "supernet/nn/precision.h"

#include <ATen/detail/CUDAHooksInterface.h>

#include "supernet/nn/cpu.h"

namespace concertina {
namespace {

// Before Ampere, GPUs emulate bf16. (The one question about it that PyTorch answers without CUDA's
// headers: cuDNN's bf16 convolutions need compute capability 8.)
bool gpu_multiplies_bf16() {
  return at::detail::getCUDAHooks().supportsBFloat16ConvolutionWithCuDNNv8();
}

}  // namespace

at::ScalarType scalar_type(Precision precision, at::Device device) {
  if (precision == Precision::kFp32) return at::kFloat;
  if (precision == Precision::kBf16) return at::kBFloat16;
  if (precision == Precision::kHalf) return at::kHalf;
  const bool multiplies_bf16 =
      device.is_cuda() ? gpu_multiplies_bf16() : cpu_has_any({"avx512_bf16", "amx_bf16", "bf16"});
  return multiplies_bf16 ? at::kBFloat16 : at::kFloat;
}

}  // namespace concertina
