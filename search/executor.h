// Runs an evaluator on groups of proposals, in parallel.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "core/stop.h"
#include "search/evaluator.h"

namespace concertina {

class Executor {
 public:
  using Done = std::function<void(const GroupResult&)>;
  virtual ~Executor() = default;
  // Reports each group as it ends, in any order, with one call of `done` at a time.
  virtual void run(const Evaluator& evaluator, std::span<const WorkGroup> groups,
                   const StopToken& stop, const Done& done) = 0;
};

// A TBB arena with `workers` slots; the calling thread runs no group, only `done`.
// `on_worker_start` runs in a worker thread each time it joins (eval/ sets intra-op threads). Sets
// Evaluation::worker, and wall_s where it is 0. When a group throws, its members are run again one
// by one, and those that throw alone are failed trials with the exception's message as their error;
// only Interrupted and SystemError (a missing file, a full disk) end the run and are rethrown.
std::unique_ptr<Executor> make_tbb_executor(int32_t workers,
                                            std::function<void()> on_worker_start = {});

}  // namespace concertina
