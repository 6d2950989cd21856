// Importance scores of prunable units from activations on audio: forward passes only.
//
// The score of a channel or neuron is its mean absolute activation times the L2 norm of the weights
// that multiply it (Wanda's criterion, Sun et al. 2023, summed over each unit), for embedding
// channels summed over all those layers. A head's score is the mean L2 distance, over frames, of
// the attention half's output with and without the head. Channels inside the rate unit, which the
// largest network does not run, and those between Whisper's convolutions are scored by magnitude.
#pragma once

#include <span>

#include "supernet/model/forward.h"
#include "supernet/model/unit_order.h"

namespace concertina {

// Batches without padding; at least one. The network is the space's whole().
UnitScores activation_scores(const Supernet& model, std::span<const SpeechBatch> batches);

}  // namespace concertina
