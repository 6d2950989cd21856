// The state of a training run apart from tensors: in checkpoints, and broadcast when processes start.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace concertina {

struct TrainState {
  int64_t step = 0;               // steps done
  double audio_s = 0;             // audio trained on
  std::vector<double> mean_loss;  // running mean of each role's loss, without skipped steps
  int64_t skipped = 0;            // steps with a non-finite or exploding loss
  int64_t skipped_in_a_row = 0;
  int64_t validated = 0;  // step of the last scheduled validation
  int64_t best_step = 0;  // of the lowest validation loss; 0: none yet
  double best_loss = 0;
  int32_t best_crops = 0;  // validation_crops that it was measured on; 0: not recorded
};

struct TrainProgress {
  TrainState state;
  double wall_s = 0;  // over all sessions
};

std::string to_json(const TrainState& state);
// InputError when it is not a state. Reads those of checkpoint versions 1 and 2 too: they have one
// mean loss, of the whole step, which is not used for roles, and were validated before they were
// written.
TrainState parse_train_state(const std::string& json);

// Records the loss of a scheduled validation; true when it is the best so far.
bool record_validation(TrainState& state, double loss, int32_t validation_crops);

}  // namespace concertina
