#include "report/depth_width.h"

#include <fmt/format.h>

namespace concertina {

std::string few_shapes(const DepthWidth& comparison) {
  if (comparison.shapes >= kEnoughShapes) return "";
  return fmt::format(
      "{} shapes, fewer than {}: differences may be those of single shapes, not of depth and width",
      comparison.shapes, kEnoughShapes);
}

}  // namespace concertina
