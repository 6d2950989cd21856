// Taylor importance: the first-order change of the distillation loss when a prunable unit is removed.
// It is the absolute sum of weight times gradient over the weights that read the unit (for a head or
// an FFN neuron the derivative with respect to a gate on it; Molchanov et al. 2019, Michel et al.
// 2019), summed over batches.
#pragma once

#include <span>

#include "distill/objective/objective_file.h"
#include "supernet/model/forward.h"
#include "supernet/model/unit_order.h"

namespace concertina {

// Of the space's whole() network with the heads trained for it; targets are those of the teacher's
// largest architecture. Channels inside the rate unit, which the whole network does not run, are
// scored by magnitude. At least one batch.
UnitScores taylor_scores(const Supernet& model, const TrainedObjective& trained,
                         const Supernet& teacher, std::span<const SpeechBatch> batches);

}  // namespace concertina
