// What the values of each metric depend on besides the architecture. A study records it and is not
// resumed when it differs.
#pragma once

#include <string>

#include "eval/distill_score.h"
#include "eval/tasks.h"
#include "eval/teacher_score.h"
#include "speech/manifest.h"
#include "study/latency/model.h"
#include "study/trial.h"

namespace concertina {

// What scores are made from. The pointers must outlive the call.
struct ScoreSources {
  // sha256 of the files; the last two for what is scored against the teacher.
  std::string supernet, teacher, objective;
  const Manifest* manifest = nullptr;
  const LatencyModel* latency = nullptr;         // gives latency.pred_ms; null: it is not offered
  const DistillScoreOptions* distill = nullptr;  // gives distill.l1; null: it is not offered
  const TeacherScoreOptions* teacher_score = nullptr;  // gives kTeacherMetrics
  TaskOptions tasks;                                   // options.tasks: those that are scored
  at::ScalarType task_dtype = at::kFloat;
};

// Facts of every metric that these sources give. Sizes depend on the space alone, a predicted time
// on the frozen model, a score on its models, the columns of the manifest and the phone labels that
// it reads, its own options, LibTorch and the CPU (its name and the vector instructions in use).
// The samples of the audio files are not read: ids, lengths, splits and the manifest's hashes stand
// for them. SystemError when a label file is missing.
Fingerprints metric_fingerprints(const ScoreSources& sources);

}  // namespace concertina
