// The mean and standard deviation by which the log-mel front end normalises its input.
#pragma once

#include "distill/data/batch_source.h"
#include "supernet/model/supernet.h"

namespace concertina {

// Computes them for each log-mel bin over sampled training crops and stores them in `weights`; does
// nothing for other front ends.
void set_mel_statistics(TensorMap& weights, const Blueprint& blueprint, const BatchSource& crops);

}  // namespace concertina
