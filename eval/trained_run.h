// Inside eval: SUPERB's trained probe on a task of classification, beside its closed-form probes.
#pragma once

#include <memory>

#include "core/stop.h"
#include "eval/task.h"

namespace concertina {

// Training frames are kept in fp16, up to this; then every second one of them, every fourth and so on.
// Clips that are labelled as a whole are kept as their mean over time, in fp32.
inline constexpr int64_t kTrainedProbeBytes = int64_t{1} << 30;

// The run of the task itself, with the score of a trained probe after its own. Fold 0 of train chooses
// the learning rate.
std::unique_ptr<TaskRun> start_with_trained_probe(const Task& task, const StopToken& stop);

}  // namespace concertina
