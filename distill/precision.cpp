#include "distill/precision.h"

#include <ATen/cpu/Utils.h>
#include <fmt/format.h>

#include "core/errors.h"

namespace concertina {
namespace {

bool cpu_multiplies_bf16() {
  const auto capabilities = at::cpu::get_cpu_capabilities();
  for (const char* name : {"avx512_bf16", "amx_bf16", "bf16"}) {
    const auto found = capabilities.find(name);
    if (found != capabilities.end() && found->second.isBool() && found->second.toBool())
      return true;
  }
  return false;
}

}  // namespace

at::ScalarType training_dtype(const std::string& name, at::Device device) {
  if (name == "fp32") return at::kFloat;
  if (name == "bf16") return at::kBFloat16;
  if (name != "auto") {
    throw InputError(fmt::format("dtype is '{}': expected fp32, bf16 or auto", name));
  }
  return device.is_cuda() || cpu_multiplies_bf16() ? at::kBFloat16 : at::kFloat;
}

}  // namespace concertina
