// The comparison of subnets with equal parameters as charts and tables in HTML. Private to report/.
#pragma once

#include <string>

#include "report/depth_width.h"

namespace concertina {

std::string depth_width_note(const DepthWidth& comparison);
// For each metric a chart over layers per 100 channels, and a table.
std::string depth_width_body(const DepthWidth& comparison);

}  // namespace concertina
