// Models scored by the same probes: a model and its baselines (features without learning, its random
// initialisation, its teacher, other models).
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "eval/tasks.h"
#include "eval/teacher_score.h"
#include "pipeline/scores.h"
#include "supernet/model/supernet.h"

namespace concertina {

// Random weights for `space`, drawn like a teacher's initial weights; what is computed from data
// rather than trained (log-mel statistics) comes from `trained`.
Supernet randomly_initialised(const Supernet& trained, const SearchSpace& space, uint64_t seed);

// The same scores as score_tasks() gives, with the tasks prepared once; a subnet with the same
// tensors as an earlier one reuses its scores. Not thread-safe.
class BaselineTable {
 public:
  BaselineTable(const Manifest& manifest, const TaskOptions& options, Split split, StopToken stop);
  // From here on models are scored against a teacher too, in fp32.
  void score_against(std::shared_ptr<const TeacherScore> teacher) { teacher_ = std::move(teacher); }
  void add_subnet(const std::string& name, const Subnet& subnet);
  // add_subnet() of a member, and its scores against the teacher.
  void add_member(const std::string& name, const Supernet& model, const Architecture& member,
                  at::ScalarType dtype);
  void add_features(const std::string& name, const FeatureExtractor& features);

  const PreparedTasks& tasks() const { return tasks_; }
  Scores scores(uint64_t seed) const;  // `seed`: of the random initialisation

 private:
  std::vector<TaskScore> score(const std::string& name, const FeatureExtractor& features) const;
  void add_teacher_scores(const FeatureExtractor& features);  // to those of the last model

  std::string data_;  // the manifest's fingerprint
  double fidelity_;
  PreparedTasks tasks_;
  Split split_;
  StopToken stop_;
  std::shared_ptr<const TeacherScore> teacher_;  // null: none
  std::vector<ScoredModel> models_;
  std::vector<std::pair<TensorMap, size_t>> scored_;  // tensors of a subnet, its index in models_
};

struct Comparison {
  std::string model, architecture = "default";  // a file, and which of its members
  std::vector<std::string> members;  // several instead, each a row that is named by its key
  std::string data;                  // a manifest
  TaskOptions tasks;
  std::string teacher;    // a model file: scores against it; "": none
  std::string objective;  // an objective file: against the rows that it regresses
  Split split = Split::kTest;
  // "teacher", "mfcc", "fbank", "random" or model files. With `members`, random is one supernet of
  // random weights, of which the same members are scored.
  std::vector<std::string> with;
  uint64_t seed = 0;  // of the random initialisation
};
// InputError when a file is invalid, the member is not in the model's space or no task can be
// scored.
Scores compare_with_baselines(const Comparison& comparison, const StopToken& stop);

}  // namespace concertina
