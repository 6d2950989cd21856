// Where a training run stands: what a checkpoint keeps beside tensors, and what processes tell each
// other when they start.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace concertina {

struct TrainState {
  int64_t step = 0;               // steps done
  double audio_s = 0;             // audio trained on
  std::vector<double> mean_loss;  // running mean of each role's loss, over the steps that counted
  int64_t skipped = 0;            // steps left out because numbers went bad
  int64_t bad_in_a_row = 0;
  int64_t validated = 0;  // step of the last validation on schedule
  int64_t best_step = 0;  // of the lowest validation loss; 0: none yet
  double best_loss = 0;
  int32_t best_crops = 0;  // validation_crops that it was measured on; 0: not on record
};

struct Progressed {
  TrainState state;
  double wall_s = 0;  // time spent, over all sessions
};

std::string to_json(const TrainState& state);
// InputError for text that is none. Reads those of checkpoint versions 1 and 2 too: one mean loss,
// of the whole step, which roles do not go on from; validated before they were written.
TrainState train_state(const std::string& json);

}  // namespace concertina
