// How much the distillation loss would change without a unit, to first order: the sum of weight
// times gradient over everything that reads the unit (for a head or an FFN unit that is the
// derivative by a gate on it; Molchanov et al. 2019, Michel et al. 2019), absolute, mean over
// batches.
#pragma once

#include <span>

#include "distill/objective/objective_file.h"
#include "supernet/model/forward.h"
#include "supernet/model/unit_order.h"

namespace concertina {

// Of the space's whole() network with the heads trained for it; the teacher's largest architecture
// teaches. Channels inside the rate unit, which the whole network does not run, are scored by
// magnitude. At least one batch.
UnitScores taylor_scores(const Supernet& model, const TrainedObjective& trained,
                         const Supernet& teacher, std::span<const SpeechBatch> batches);

}  // namespace concertina
