#include "core/bounds.h"

#include <fmt/format.h>

namespace concertina {

std::string describe(const Bounds& bounds) {
  return fmt::format("{} to {}", bounds.low, bounds.high);
}

}  // namespace concertina
