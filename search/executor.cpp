#include "search/executor.h"

#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#include <tbb/task_scheduler_observer.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

#include "core/errors.h"
#include "core/tsan.h"

namespace concertina {
namespace {

class WorkerStart : public tbb::task_scheduler_observer {
 public:
  WorkerStart(tbb::task_arena& arena, const std::function<void()>& start)
      : tbb::task_scheduler_observer(arena), start_(start) {
    observe(true);
  }
  ~WorkerStart() override { observe(false); }
  void on_scheduler_entry(bool) override {
    if (start_) start_();
  }

 private:
  const std::function<void()>& start_;
};

// Passes results from the workers to the calling thread.
class ResultQueue {
 public:
  void push(GroupResult result) {
    {
      const std::lock_guard lock(mutex_);
      results_.push_back(std::move(result));
    }
    arrived_.notify_one();
  }
  void close(std::exception_ptr error) {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      error_ = std::move(error);
    }
    arrived_.notify_one();
  }
  // Waits for a result. Empty once the queue is closed and empty; rethrows the error it was closed
  // with.
  std::optional<GroupResult> pop() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return closed_ || !results_.empty(); });
    if (results_.empty()) {
      if (error_) std::rethrow_exception(error_);
      return std::nullopt;
    }
    GroupResult result = std::move(results_.front());
    results_.pop_front();
    return result;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<GroupResult> results_;
  std::exception_ptr error_;
  bool closed_ = false;
};

// A subnet that cannot be scored is one failed trial; the others of its group are scored without
// it.
GroupResult evaluate(const Evaluator& evaluator, const WorkGroup& group, const StopToken& stop) {
  std::string reason;
  try {
    GroupResult result;
    tbb::this_task_arena::isolate([&] { result = evaluator.run(group, stop); });
    return result;
  } catch (const Interrupted&) {
    throw;
  } catch (const SystemError&) {
    throw;
  } catch (const std::exception& error) {
    reason = error.what();
  }
  if (group.proposals.size() == 1)
    return {{group.proposals[0].number, {}, reason.empty() ? "no reason was given" : reason}};
  GroupResult result;
  for (const Proposal& proposal : group.proposals) {
    if (stop.stop_requested()) break;
    std::ranges::move(evaluate(evaluator, {{proposal}}, stop), std::back_inserter(result));
  }
  return result;
}

GroupResult run_group(const Evaluator& evaluator, const WorkGroup& group, const StopToken& stop) {
  const auto start = std::chrono::steady_clock::now();
  GroupResult result = evaluate(evaluator, group, stop);
  const double wall_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (Evaluation& evaluation : result) {
    evaluation.worker = tbb::this_task_arena::current_thread_index();
    if (evaluation.wall_s == 0) evaluation.wall_s = wall_s / static_cast<double>(result.size());
  }
  return result;
}

class TbbExecutor : public Executor {
 public:
  TbbExecutor(int32_t workers, std::function<void()> start)
      : workers_(workers), start_(std::move(start)) {
    if (workers < 1) throw InputError("a search needs at least 1 worker");
  }

  void run(const Evaluator& evaluator, std::span<const WorkGroup> groups, const StopToken& stop,
           const Done& done) override {
    ResultQueue queue;
    std::atomic<bool> cancelled = false;
    // Joined on every exit.
    const std::jthread leader([&] { lead(evaluator, groups, stop, cancelled, queue); });
    try {
      while (auto result = queue.pop()) done(*result);
    } catch (...) {
      cancelled = true;
      throw;
    }
  }

 private:
  // The leader is the arena's first worker, so that the calling thread keeps its own settings and
  // writes the study.
  void lead(const Evaluator& evaluator, std::span<const WorkGroup> groups, const StopToken& stop,
            const std::atomic<bool>& cancelled, ResultQueue& queue) const {
    try {
      const auto width = static_cast<size_t>(workers_);
      // Otherwise TBB never runs more threads than the machine has CPUs.
      std::optional<tbb::global_control> limit;
      if (tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism) < width) {
        limit.emplace(tbb::global_control::max_allowed_parallelism, width);
      }
      tbb::task_arena arena(workers_);
      const WorkerStart observer(arena, start_);
      const tbb::blocked_range<size_t> all(0, groups.size(), 1);
      HandOver begun, ended;
      const ReceiveOnExit after_all{ended};
      begun.publish();
      arena.execute([&] {
        tbb::parallel_for(
            all,
            [&](const tbb::blocked_range<size_t>& range) {
              begun.receive();
              const PublishOnExit after_range{ended};
              for (size_t i = range.begin(); i != range.end(); ++i) {
                if (!cancelled && !stop.stop_requested())
                  queue.push(run_group(evaluator, groups[i], stop));
              }
            },
            tbb::simple_partitioner());
      });
      queue.close(nullptr);
    } catch (...) {
      queue.close(std::current_exception());
    }
  }

  int32_t workers_;
  std::function<void()> start_;
};

}  // namespace

std::unique_ptr<Executor> make_tbb_executor(int32_t workers,
                                            std::function<void()> on_worker_start) {
  return std::make_unique<TbbExecutor>(workers, std::move(on_worker_start));
}

}  // namespace concertina
