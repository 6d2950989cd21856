// Which objective the student is trained with.
#pragma once

#include <cstdint>
#include <string>

#include "core/config.h"

namespace concertina {

struct ObjectiveOptions {
  std::string kind = "layer_mean";
  int32_t top = 4;              // mean of the FFN results of the teacher's last `top` layers
  std::string distance = "l1";  // l1 | mse
  bool instance_norm = true;    // each layer normalised over time first (data2vec)
};
void read_objective(ConfigSection section, ObjectiveOptions& options);

}  // namespace concertina
