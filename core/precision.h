// The number format of tensors: what models are computed in, and what files store.
// supernet/nn/precision.h makes a ScalarType of it.
#pragma once

#include "core/enum_names.h"

namespace concertina {

// kAuto: bf16 where the device multiplies it in hardware, else fp32.
enum class Precision { kAuto, kFp32, kBf16, kHalf };
template <>
inline constexpr auto kEnumNames<Precision> = name_table("auto", "fp32", "bf16", "half");

}  // namespace concertina
