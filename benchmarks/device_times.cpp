#include "benchmarks/device_times.h"

#include <torch/csrc/autograd/profiler_kineto.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <unordered_map>

namespace concertina {
namespace {

namespace profiler = torch::autograd::profiler;
using profiler::ActivityType;
using profiler::KinetoEvent;

using Totals = std::map<std::string, OpTime>;

void add(Totals& totals, const std::string& name, const KinetoEvent& event) {
  OpTime& total = totals[name];
  total.name = name;
  total.seconds += static_cast<double>(event.durationNs()) * 1e-9;
  ++total.calls;
}

std::vector<OpTime> sorted(const Totals& totals) {
  std::vector<OpTime> times;
  for (const auto& [name, time] : totals) times.push_back(time);
  std::sort(times.begin(), times.end(),
            [](const OpTime& a, const OpTime& b) { return a.seconds > b.seconds; });
  return times;
}

struct Interval {
  uint64_t begin, end;  // ns
};

// Kernels of two streams may overlap.
uint64_t length_of_union(std::vector<Interval> intervals) {
  std::sort(intervals.begin(), intervals.end(),
            [](const Interval& a, const Interval& b) { return a.begin < b.begin; });
  uint64_t sum = 0, end = 0;
  for (const Interval& i : intervals) {
    if (i.end <= end) continue;
    sum += i.end - std::max(i.begin, end);
    end = i.end;
  }
  return sum;
}

bool is_wait(const std::string& name) {  // of CUDA's runtime
  return name.starts_with("cuda") &&
         (name.ends_with("Synchronize") || name == "cudaMemcpy" || name == "cudaFree");
}

}  // namespace

DeviceTimes::DeviceTimes() {
  const profiler::ProfilerConfig config(profiler::ProfilerState::KINETO);
  const std::set<ActivityType> activities = {ActivityType::CPU, ActivityType::CUDA};
  profiler::prepareProfiler(config, activities);
  profiler::enableProfiler(config, activities);
}

DeviceProfile DeviceTimes::stop() {
  const auto result = profiler::disableProfiler();
  std::unordered_map<uint64_t, std::string> names;
  DeviceProfile profile;
  for (const KinetoEvent& event : result->events()) {
    if (event.deviceType() != c10::DeviceType::CPU) continue;
    const std::string name = event.name();
    if (is_wait(name)) {
      ++profile.waits;
    } else if (event.correlationId() != 0) {
      names.emplace(event.correlationId(), name);
    }
  }
  Totals operators, kernels;
  std::vector<Interval> intervals;
  uint64_t first = UINT64_MAX, last = 0;
  for (const KinetoEvent& event : result->events()) {
    if (event.deviceType() == c10::DeviceType::CPU) continue;
    const auto caller = names.find(event.linkedCorrelationId());
    add(operators, caller == names.end() ? "?" : caller->second, event);
    add(kernels, event.name(), event);
    intervals.push_back({event.startNs(), event.endNs()});
    first = std::min(first, event.startNs());
    last = std::max(last, event.endNs());
  }
  if (!intervals.empty()) profile.span = static_cast<double>(last - first) * 1e-9;
  profile.busy = static_cast<double>(length_of_union(std::move(intervals))) * 1e-9;
  profile.operators = sorted(operators);
  profile.kernels = sorted(kernels);
  return profile;
}

}  // namespace concertina
