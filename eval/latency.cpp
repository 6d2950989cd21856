#include "eval/latency.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <future>
#include <numeric>
#include <set>

#include "core/errors.h"
#include "core/rng.h"
#include "supernet/model/forward.h"
#include "supernet/nn/precision.h"
#include "supernet/space/cost.h"

namespace concertina {
namespace {

constexpr int64_t kResidentParams = 500'000'000;
constexpr int32_t kTriesPerPoint = 50;

class IntraOpThreads {
 public:
  explicit IntraOpThreads(int32_t threads) : before_(at::get_num_threads()) {
    at::set_num_threads(threads);
  }
  ~IntraOpThreads() { at::set_num_threads(before_); }
  IntraOpThreads(const IntraOpThreads&) = delete;
  IntraOpThreads& operator=(const IntraOpThreads&) = delete;

 private:
  int before_;
};

SpeechBatch noise(const Blueprint& blueprint, double seconds) {
  const auto samples = static_cast<int64_t>(std::llround(seconds * blueprint.sample_rate));
  std::vector<float> waveform(static_cast<size_t>(samples));
  Rng rng = Rng(0).fork("latency noise");
  for (float& x : waveform) x = static_cast<float>(rng.uniform(-0.1, 0.1));
  return make_batch(at::tensor(waveform).view({1, samples}));
}

double quantile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

LatencyPoint point_of(const Architecture& architecture, const LatencyOptions& options,
                      std::vector<double> times_ms) {
  std::ranges::sort(times_ms);
  LatencyPoint point{.architecture = architecture, .device = cpu_name()};
  point.threads = options.threads;
  point.seconds = options.seconds;
  point.dtype = enum_name(options.dtype);
  point.n = static_cast<int32_t>(times_ms.size());
  point.mean_ms =
      std::accumulate(times_ms.begin(), times_ms.end(), 0.0) / static_cast<double>(times_ms.size());
  point.p50_ms = quantile(times_ms, 0.5);
  point.p95_ms = quantile(times_ms, 0.95);
  point.spread_ms = quantile(times_ms, 0.75) - quantile(times_ms, 0.25);
  return point;
}

double time_ms(const Subnet& subnet, const SpeechBatch& batch) {
  const auto start = std::chrono::steady_clock::now();
  encode(subnet, batch);
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

// Portions of consecutive architectures that are held in memory together.
std::vector<std::vector<Architecture>> portions(const Blueprint& blueprint,
                                                const std::vector<Architecture>& all) {
  std::vector<std::vector<Architecture>> result;
  int64_t held = 0;
  for (const Architecture& architecture : all) {
    const int64_t params = cost_of(blueprint, architecture, 0).params;
    if (result.empty() || held + params > kResidentParams) {
      result.emplace_back();
      held = 0;
    }
    result.back().push_back(architecture);
    held += params;
  }
  return result;
}

std::vector<LatencyPoint> profile_in_this_thread(
    const Supernet& supernet, const std::vector<Architecture>& architectures,
    const LatencyOptions& options, const StopToken& stop,
    const std::function<void(int64_t, int64_t)>& progress) {
  const c10::InferenceMode guard;
  const IntraOpThreads threads(options.threads);
  const SpeechBatch batch = noise(supernet.blueprint(), options.seconds);
  const int32_t rounds = options.warmup + options.repetitions;
  const int64_t total = static_cast<int64_t>(architectures.size()) * rounds;
  int64_t done = 0;
  std::vector<LatencyPoint> points;
  for (const std::vector<Architecture>& portion : portions(supernet.blueprint(), architectures)) {
    std::vector<Subnet> subnets;
    for (const Architecture& architecture : portion) {
      subnets.push_back(
          supernet.extract(architecture).slice(architecture, scalar_type(options.dtype)));
    }
    std::vector<std::vector<double>> times(portion.size());
    for (int32_t round = 0; round < rounds; ++round) {
      for (size_t i = 0; i < portion.size(); ++i) {
        stop.throw_if_interrupted("nothing of this profile was saved");
        const double ms = time_ms(subnets[i], batch);
        if (round >= options.warmup) times[i].push_back(ms);
        if (progress) progress(++done, total);
      }
    }
    for (size_t i = 0; i < portion.size(); ++i)
      points.push_back(point_of(portion[i], options, std::move(times[i])));
  }
  return points;
}

}  // namespace

std::vector<LatencyPoint> profile_latency(const Supernet& supernet,
                                          const std::vector<Architecture>& architectures,
                                          const LatencyOptions& options, const StopToken& stop,
                                          const std::function<void(int64_t, int64_t)>& progress) {
  const auto profile = [&] {
    return profile_in_this_thread(supernet, architectures, options, stop, progress);
  };
  return std::async(std::launch::async, profile).get();
}

std::vector<Architecture> profile_architectures(const SearchSpace& space, int32_t points,
                                                uint64_t seed) {
  std::vector<Architecture> chosen;
  std::set<std::string> keys;
  const auto add = [&](Architecture architecture) {
    if (std::ssize(chosen) < points && keys.insert(architecture.key()).second)
      chosen.push_back(std::move(architecture));
  };
  add(space.smallest());
  add(space.largest());
  add(space.default_architecture());
  Rng rng = Rng(seed).fork("latency profile");
  for (int32_t tries = 0; std::ssize(chosen) < points && tries < points * kTriesPerPoint; ++tries)
    add(space.sample(rng));
  return chosen;
}

}  // namespace concertina
