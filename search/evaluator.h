// The bridge between a search and what scores subnets. Implemented in eval/ with LibTorch, in tests
// with formulas.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
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
  int64_t number = 0;
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
  virtual std::vector<MetricInfo> metrics()
      const = 0;  // all it gives; a search picks objectives among them
  // What it gives of a subnet without running it: parameters, MACs, predicted latency.
  virtual std::map<std::string, double> known_values(const Architecture&) const { return {}; }
  virtual Fingerprints fingerprints() const = 0;  // of each of metrics()
  virtual std::vector<WorkGroup> plan(std::span<const Proposal> proposals) const = 0;
  virtual GroupResult run(const WorkGroup& group, const StopToken& stop) const = 0;
};

// Runs groups and reports each as it ends, one call of `done` at a time, in any order.
class Executor {
 public:
  using Done = std::function<void(const GroupResult&)>;
  virtual ~Executor() = default;
  virtual void run(const Evaluator& evaluator, std::span<const WorkGroup> groups,
                   const StopToken& stop, const Done& done) = 0;
};

// TBB arena with `workers` slots; the caller's thread runs no group, only `done`. `on_worker_start`
// runs in a worker thread each time it joins (eval/ sets intra-op threads). Fills in
// Evaluation::worker, and wall_s where it is 0. When a group throws, its members are run again one
// by one, and those that throw alone are failed trials with what they threw as their reason; only
// an Interrupted and a SystemError (a missing file, a full disk) end the run and are rethrown.
std::unique_ptr<Executor> make_tbb_executor(int32_t workers,
                                            std::function<void()> on_worker_start = {});

}  // namespace concertina
