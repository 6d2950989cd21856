#include "supernet/nn/cpu.h"

#include <ATen/cpu/Utils.h>

#include <algorithm>

namespace concertina {

bool cpu_has_any(std::initializer_list<const char*> features) {
  static const auto kCapabilities = at::cpu::get_cpu_capabilities();
  return std::any_of(features.begin(), features.end(), [](const char* feature) {
    const auto found = kCapabilities.find(feature);
    return found != kCapabilities.end() && found->second.isBool() && found->second.toBool();
  });
}

}  // namespace concertina
