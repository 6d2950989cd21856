// Proposals and trials: a subnet that a searcher asked for, and its scores.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "study/metric.h"
#include "supernet/space/architecture.h"
#include "supernet/space/genome.h"
#include "supernet/space/search_space.h"

namespace concertina {

// Facts by name: the settings of a search ("search.population" is "40"), what a metric depends on
// ("supernet" is its sha256).
using Facts = std::map<std::string, std::string>;
// By metric: what its values depend on besides the architecture.
using Fingerprints = std::map<std::string, Facts>;

// A subnet to evaluate; it becomes the trial of the same number.
struct Proposal {
  int64_t number = 0;  // 0-based, in ask order
  Architecture architecture;
  Genome genome;
  std::string fidelity = "full";
};

enum class TrialState { kComplete, kFailed };

std::string_view state_name(TrialState state);  // "complete" or "failed"

struct Trial {
  int64_t number = 0;  // 0-based, in ask order
  Architecture architecture;
  Genome genome;
  std::string fidelity = "full";  // of the tasks' clips: all of them, or a share such as "0.01"
  TrialState state = TrialState::kComplete;
  std::map<std::string, double> values;  // by metric, on dev data
  std::string error;                     // for kFailed
  int64_t generation = 0;
  int32_t worker = 0;  // workers and times are left out of `dump --no-times`
  double wall_s = 0;
};

}  // namespace concertina
