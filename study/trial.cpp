#include "study/trial.h"

namespace concertina {

std::string_view state_name(TrialState state) {
  return state == TrialState::kComplete ? "complete" : "failed";
}

}  // namespace concertina
