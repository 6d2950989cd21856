// Command-line settings of a training stage, in addition to its config.
#pragma once

#include <chrono>

#include "distill/train/stage_folder.h"

namespace concertina {

struct TrainingFlags {
  Existing existing = Existing::kResume;  // what to do about a run in the stage's folder
  double max_minutes = 0;                 // 0: no time limit but the config's
  // Timeout of the collectives, with several processes.
  double answer_minutes = std::chrono::duration<double, std::ratio<60>>(kCollectiveTimeout).count();
};

}  // namespace concertina
