// How a training stage is run, besides its config.
#pragma once

#include <chrono>

#include "distill/train/stage_folder.h"

namespace concertina {

struct TrainingFlags {
  Existing existing = Existing::kResumeOrSetAside;  // what to do about a run in the stage's folder
  double max_minutes = 0;                           // 0: no cap beyond the config's
  // Of several processes: how long to wait for one that does not answer.
  double answer_minutes = std::chrono::duration<double, std::ratio<60>>(kCollectiveTimeout).count();
};

}  // namespace concertina
