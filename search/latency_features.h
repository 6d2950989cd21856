// What a forward pass does, counted in closed form per kind of work; the regressors of the latency model. Private to
// search/.
#pragma once

#include <string>
#include <vector>

#include "supernet/space/architecture.h"
#include "supernet/space/blueprint.h"

namespace concertina {

// Names and values are in the same order. MACs as in supernet/space/cost.h, split by the kernel that does them; element
// counts stand for memory-bound work (norms, activations, residuals), layer counts for fixed costs per call.
const std::vector<std::string>& latency_feature_names();
std::vector<double> latency_features(const Blueprint& blueprint, const Architecture& architecture, int64_t samples);

}  // namespace concertina
