// A small study that tests share.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "study/study_file.h"
#include "supernet/space/genome.h"
#include "supernet/space/search_space_config.h"

namespace concertina {

inline SearchSpace pocket_space() {
  return load_search_space(std::filesystem::path(CONCERTINA_SOURCE_DIR) /
                           "configs/spaces/pocket.yaml");
}

// A fresh folder for one test, removed afterwards.
class Folder {
 public:
  Folder() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::path(::testing::TempDir()) /
            (std::string(test->test_suite_name()) + "." + test->name());
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A loss for tests: layers matter unequally and saturate, so that good subnets are uneven.
inline double formula_loss(const Architecture& architecture) {
  double capacity = 0.2 * std::log(static_cast<double>(architecture.embed_dim()));
  for (const LayerShape& layer : architecture.layers()) {
    const double weight = 1.0 / (1 + layer.index);
    capacity += weight * (std::sqrt(static_cast<double>(layer.heads)) +
                          0.3 * std::log1p(layer.ffn_dim / 96.0));
  }
  return std::exp(-0.3 * capacity) + (architecture.frame_period_us() > 20000 ? 0.02 : 0.0);
}

inline StudyHeader small_header() {
  StudyHeader header;
  header.space_json = json_of(pocket_space());
  header.seed = 18446744073709551615ULL;
  header.config = "search: {trials: 4}\n";
  header.versions = "{}";
  header.data = "cafe";
  header.model = R"({"path":"m.safetensors","sha256":"00"})";
  header.device = "a CPU";
  header.objectives = {{"distill.l1", Direction::kMinimise, ""},
                       {"latency.pred_ms", Direction::kMinimise, "ms"}};
  header.recorded = {{"pr.frame_acc", Direction::kMaximise, "%"},
                     {"params", Direction::kMinimise, "params"}};
  return header;
}

inline std::vector<MetricInfo> formula_objectives() {
  return {{"loss", Direction::kMinimise, ""}, {"macs", Direction::kMinimise, "MACs"}};
}

inline StudyHeader formula_header() {
  StudyHeader header = small_header();
  header.seed = 1;
  header.objectives = formula_objectives();
  header.recorded = {{"params", Direction::kMinimise, "params"}};
  return header;
}

inline Trial small_trial(int64_t number, uint64_t seed, double loss) {
  const SearchSpace space = pocket_space();
  Rng rng(seed);
  Trial trial;
  trial.number = number;
  trial.architecture = space.sample(rng);
  trial.genome = GenomeCodec(space).encode(trial.architecture);
  trial.values = {{"distill.l1", loss}, {"latency.pred_ms", 1 / loss}, {"params", 1e6}};
  trial.worker = static_cast<int32_t>(number % 3);
  trial.wall_s = 0.25;
  return trial;
}

inline TestLook small_look(std::vector<FrontScore> members, std::string fingerprint = "settings") {
  return {"2026-01-31T12:00:00Z", "{}", std::move(fingerprint), std::move(members)};
}

inline FreshTime small_time(const Architecture& architecture, double ms, int32_t threads = 1) {
  return {"2026-01-31T12:00:00Z",
          {architecture, "a CPU", threads, 4.0, "fp32", 20, ms, ms, ms, 0.125}};
}

}  // namespace concertina
