#include "benchmarks/op_times.h"

#include <ATen/record_function.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>

namespace concertina {
namespace {

using Clock = std::chrono::steady_clock;

std::mutex mutex;
std::map<std::string, OpTime> found;

struct Running : at::ObserverContext {
  Clock::time_point start = Clock::now();
  double inside = 0;  // seconds of the operators it called
};
thread_local std::vector<Running*> stack;

std::unique_ptr<at::ObserverContext> enter(const at::RecordFunction&) {
  auto running = std::make_unique<Running>();
  stack.push_back(running.get());
  return running;
}

void leave(const at::RecordFunction& op, at::ObserverContext* context) {
  auto* running = static_cast<Running*>(context);
  const double seconds = std::chrono::duration<double>(Clock::now() - running->start).count();
  if (!stack.empty() && stack.back() == running) stack.pop_back();
  if (!stack.empty()) stack.back()->inside += seconds;
  const std::scoped_lock lock(mutex);
  OpTime& time = found[op.name()];
  time.seconds += seconds - running->inside;
  ++time.calls;
}

}  // namespace

OpTimes::OpTimes() {
  found.clear();
  handle_ = at::addGlobalCallback(at::RecordFunctionCallback(&enter, &leave));
}

OpTimes::~OpTimes() { at::removeCallback(handle_); }

std::vector<OpTime> OpTimes::sorted() const {
  std::vector<OpTime> times;
  for (auto [name, time] : found) {
    time.name = name;
    times.push_back(time);
  }
  std::sort(times.begin(), times.end(),
            [](const OpTime& a, const OpTime& b) { return a.seconds > b.seconds; });
  return times;
}

}  // namespace concertina
