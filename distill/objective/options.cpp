#include "distill/objective/options.h"

namespace concertina {

void read_objective(ConfigSection section, ObjectiveOptions& o) {
  int32_t kind = 0, distance = o.distance == "mse" ? 1 : 0;
  section.read_choice("kind", {"layer_mean"}, kind);
  section.read("top", o.top, {1, 1000});
  section.read_choice("distance", {"l1", "mse"}, distance);
  section.read("instance_norm", o.instance_norm);
  o.distance = distance == 1 ? "mse" : "l1";
}

}  // namespace concertina
