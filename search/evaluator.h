// The interface between a search and what scores subnets. Implemented in eval/ with LibTorch, in
// tests with formulas.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/stop.h"
#include "study/trial.h"

namespace concertina {

// Proposals that share work (a common front end, say). Depends on the proposals only, never on
// threads.
struct WorkGroup {
  std::vector<Proposal> proposals;
};

struct Evaluation {
  int64_t number = 0;  // the proposal's
  std::map<std::string, double> values;
  std::string error;  // not empty: the trial failed, values are empty
  int32_t worker = 0;
  double wall_s = 0;
};
using GroupResult = std::vector<Evaluation>;

// Thread-safe: run() is called from several workers at once.
class Evaluator {
 public:
  virtual ~Evaluator() = default;
  // All that it measures; a search picks its objectives among them.
  virtual std::vector<MetricInfo> metrics() const = 0;
  // Metrics that it computes without running the subnet: parameters, MACs, predicted latency.
  virtual std::map<std::string, double> known_values(const Architecture&) const { return {}; }
  virtual Fingerprints fingerprints() const = 0;  // of each of metrics()
  virtual std::vector<WorkGroup> plan(std::span<const Proposal> proposals) const = 0;
  virtual GroupResult run(const WorkGroup& group, const StopToken& stop) const = 0;
};

}  // namespace concertina
