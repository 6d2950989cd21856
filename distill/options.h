// Options of a distillation stage; see configs/quickstart.yaml.
#pragma once

#include <cstdint>
#include <string>

#include "core/config.h"
#include "distill/objective/options.h"
#include "distill/train/options.h"

namespace concertina {

enum class StudentInit { kTeacher, kRandom, kPreviousStage, kFolder };  // kFolder: init_from

struct DistillOptions {
  TrainOptions train;
  ObjectiveOptions objective;
  CacheDtype cache = CacheDtype::kNone;  // of the teacher's targets, on disk
  StudentInit init = StudentInit::kTeacher;
  SamplerOptions sampler;
  bool in_place =
      false;  // smaller subnets learn from the largest's output instead of the teacher's
  double mask_probability = 0;  // of the student's input; LightHuBERT: 0.65
  int32_t mask_length = 10;
  static DistillOptions from_config(ConfigSection section, int32_t stage);
};

// JSON with everything that settles a run's numbers; see to_json(PretrainOptions).
std::string to_json(const DistillOptions& options);

}  // namespace concertina
