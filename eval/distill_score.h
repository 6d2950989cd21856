// The distillation loss of a subnet on fixed crops: a score that is sensitive to every gene of an
// architecture.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "distill/objective/objective_file.h"
#include "speech/manifest.h"
#include "supernet/model/supernet.h"

namespace concertina {

inline constexpr const char* kDistillMetric = "distill.l1";

struct DistillScoreOptions {
  int32_t crops = 32;
  double seconds = 3;                           // of one crop
  std::map<std::string, double> source_weight;  // as in training
  uint64_t seed = 0;
};

// Draws its crops and the teacher's targets once, when it is made. Immutable afterwards:
// thread-safe. fp32.
class DistillScore {
 public:
  // InputError when the split has less audio than one crop or the objective takes no target from a
  // teacher.
  DistillScore(std::span<const Subnet> teachers, const Blueprint& student, TrainedObjective trained,
               const Manifest& manifest, Split split, const DistillScoreOptions& options);
  DistillScore(const Subnet& teacher, const Blueprint& student, TrainedObjective trained,
               const Manifest& manifest, Split split, const DistillScoreOptions& options)
      : DistillScore(std::span<const Subnet>(&teacher, 1), student, std::move(trained), manifest,
                     split, options) {}

  // Mean loss of each subnet. All must share front end, frame period and width: that part of the
  // forward pass is run once for all of them, with the same result as one by one.
  std::vector<double> scores(std::span<const Subnet> subnets) const;
  double score(const Subnet& subnet) const { return scores({&subnet, 1}).front(); }

 private:
  struct Batch {
    SpeechBatch speech;
    TensorMap goal;
    StepData step;
  };
  TrainedObjective trained_;
  std::vector<Batch> batches_;
};

// Architectures with equal keys have the same Frames after begin().
std::string shared_front_key(const Architecture& architecture);

}  // namespace concertina
