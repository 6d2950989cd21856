// How many subnets one worker (one thread) scores on proxy tasks in a minute of CPU time: with the
// tasks prepared once, as a search does, and prepared anew with intervals for each subnet. Random
// subnets of an untrained supernet; both ways in turn.
// Usage: task_scores_bench MANIFEST SPACE.yaml SUBNETS TASK...
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <ctime>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/memory.h"
#include "eval/tasks.h"
#include "supernet/space/search_space.h"
#include "supernet/space/search_space_config.h"

namespace {

using namespace concertina;

double seconds_of(const std::function<void()>& work) {
  const std::clock_t start = std::clock();  // of the process: not affected by other load
  work();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

void run(const Manifest& manifest, const SearchSpace& space, int32_t subnets,
         const std::vector<std::string>& tasks) {
  TaskOptions options;
  options.tasks = tasks;
  const Supernet supernet = Supernet::random(space, Rng(0));
  std::optional<PreparedTasks> prepared;
  const double preparation_s =
      seconds_of([&] { prepared.emplace(manifest, options, Split::kDev); });
  Rng rng(1);
  double once_s = 0, each_s = 0;
  for (int32_t i = 0; i < subnets; ++i) {
    const FeatureExtractor features = subnet_features(supernet.slice(space.sample(rng)));
    once_s += seconds_of([&] { prepared->score(features, Intervals::kNone, {}); });
    each_s += seconds_of([&] { score_tasks(manifest, features, options, Split::kDev, {}); });
    fmt::print("{} subnets, one thread: prepared once ({:.2f} s) {:.2f} a minute; each {:.2f}\n",
               i + 1, preparation_s, 60 * (i + 1) / once_s, 60 * (i + 1) / each_s);
  }
  fmt::print("ratio {:.2f}\n", each_s / once_s);
}

}  // namespace

int main(int argc, char** argv) {
  keep_freed_memory();
  if (argc < 5) return 2;
  at::set_num_threads(1);
  run(read_manifest(argv[1]), load_search_space(argv[2]), std::stoi(argv[3]),
      {argv + 4, argv + argc});
}
