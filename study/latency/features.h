// The regressors of the latency model: the work of a forward pass by kind, in closed form.
// Private to study/latency/.
#pragma once

#include <string>
#include <vector>

#include "supernet/space/architecture.h"
#include "supernet/space/blueprint.h"

namespace concertina {

inline constexpr int32_t kLatencyFormat = 2;  // of the latency model; see LatencyModel::to_json()

// Names and values are in the same order. `*_macs` are those of supernet/space/work.h and sum to
// Cost::macs; element counts stand for memory-bound work (norms, activations, residuals), layer
// counts for fixed costs per call. No feature decreases when width, heads, FFN or depth grow.
// `format` 1 is that of older models, which counted the projection, the positional convolution and
// reused attention maps otherwise: it is only read.
const std::vector<std::string>& latency_feature_names(int32_t format = kLatencyFormat);
std::vector<double> latency_features(const Blueprint& blueprint, const Architecture& architecture,
                                     int64_t samples, int32_t format = kLatencyFormat);

}  // namespace concertina
