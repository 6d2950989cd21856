#include "distill/objective/options.h"

#include "core/option_table.h"

namespace concertina {

const OptionTable<ObjectiveOptions>& objective_table() {
  using O = ObjectiveOptions;
  static const OptionTable<O> table = {
      option("kind", &O::kind,
             "layer_mean: the student regresses the mean of the FFN outputs of the teacher's last "
             "layers")
          .among({ObjectiveKind::kLayerMean}),
      option("top", &O::top, "how many of the teacher's last layers").within({1, 1000}),
      option("distance", &O::distance, "between prediction and target"),
      option("instance_norm", &O::instance_norm,
             "normalise each layer over time first, as data2vec does"),
  };
  return table;
}

}  // namespace concertina
