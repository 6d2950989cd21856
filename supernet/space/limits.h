// Limits of architectures and search spaces, generous, and far from 64-bit overflow in closed
// forms. Private to supernet/space.
#pragma once

#include <cstdint>

namespace concertina {

inline constexpr int32_t kMaxWidth = 65'536;  // of channels, embeddings, FFNs and windows
inline constexpr int32_t kMaxLayers = 1'000;
inline constexpr int32_t kMaxFramePeriodUs = 10'000'000;

}  // namespace concertina
