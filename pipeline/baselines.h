// Models, floors and untrained twins scored by the same probes, side by side.
#pragma once

#include <string>
#include <vector>

#include "eval/tasks.h"
#include "supernet/model/supernet.h"

namespace concertina {

struct ScoredModel {
  std::string name;
  std::string architecture;  // key; "" for a floor
  int64_t params = 0;        // 0 for a floor
  std::vector<TaskScore> scores;
};

// Untrained weights for `space`, drawn as a teacher's first ones are; what is measured on data
// rather than trained (log-mel statistics) comes from `trained`.
Supernet untrained_twin(const Supernet& trained, const SearchSpace& space, uint64_t seed);

// The same result as score_tasks, with the tasks prepared once; a subnet whose tensors were scored
// before gets that score without a second run.
class SideBySide {
 public:
  SideBySide(const Manifest& manifest, const TaskOptions& options, Split split, StopToken stop);
  void add_subnet(const std::string& name, const Subnet& subnet);
  void add_mfcc_floor();

  const PreparedTasks& tasks() const { return tasks_; }
  const std::vector<ScoredModel>& models() const { return models_; }
  std::string table() const;                 // aligned columns with 95 % intervals
  std::string to_json(uint64_t seed) const;  // docs/formats.md, scores.json

 private:
  std::vector<TaskScore> score(const std::string& name, const FeatureExtractor& features) const;

  std::string data_;  // the manifest's fingerprint
  PreparedTasks tasks_;
  Split split_;
  StopToken stop_;
  std::vector<ScoredModel> models_;
  std::vector<std::pair<TensorMap, size_t>> scored_;  // tensors of a subnet, its place in models_
};

}  // namespace concertina
