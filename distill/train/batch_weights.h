// The weights of a step's batches in its means over batches and processes.
#pragma once

#include <vector>

#include "distill/data/batch_source.h"
#include "distill/train/communicator.h"

namespace concertina {

double seconds_of(const std::vector<TrainingBatch>& batches);  // of audio

// The weight of each batch's gradient in the step's mean: its share of the step's audio, of all
// processes, times the world size. 1 for the only batch of a single process. Every process calls it.
std::vector<double> batch_weights(const std::vector<TrainingBatch>& batches,
                                  Communicator& communicator);

}  // namespace concertina
