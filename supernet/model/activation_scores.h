// How much each unit does in the whole network, seen on audio: forward passes only.
//
// A unit's score is what it hands on: the mean absolute activation times the L2 norm of the weights
// that read it (Wanda's criterion, Sun et al. 2023, summed over each unit), for embedding channels
// summed over all their readers. A head's is how far the attention half's output moves, mean L2
// over frames, when the head is silent. Channels inside the rate unit, which the whole network does
// not run, are scored by magnitude.
#pragma once

#include <span>

#include "supernet/model/forward.h"
#include "supernet/model/unit_order.h"

namespace concertina {

// Batches without padding; at least one. The network is the space's whole().
UnitScores activation_scores(const Supernet& model, std::span<const SpeechBatch> batches);

}  // namespace concertina
