// Short training runs on a synthetic corpus, and observers that record and stop them.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/log.h"
#include "distill/distill.h"
#include "distill/pretrain/pretrain.h"
#include "tests/distill/objective/parsed.h"
#include "tests/distill/tiny.h"

namespace concertina::testing {

inline TrainOptions tiny_training(int64_t steps) {
  TrainOptions options;
  options.steps = steps;
  options.batch = {.crops = 3, .seconds = 0.5, .source_weight = {}};
  options.validate_every = 4;
  options.validation_crops = 3;
  return options;
}

inline PretrainOptions tiny_pretraining() {
  PretrainOptions options;
  options.train = tiny_training(12);
  options.units.clusters = 8;
  options.units.sample_frames = 400;
  options.layers = {1};
  return options;
}

// Stage options of a few fp32 steps with an objective, as YAML.
inline DistillOptions taught_by(const std::string& objective) {
  DistillOptions options;
  options.train = tiny_training(4);
  options.train.dtype = Precision::kFp32;
  options.objective = options_of(objective);
  return options;
}

// Requests a stop after `step`.
struct StopAt : TrainObserver {
  StopAt(int64_t at, StopReason why) : step(at), reason(why) {}
  void on_step(const StepReport& report) override {
    if (report.step == step) source.request(reason);
  }
  int64_t step;
  StopReason reason;
  StopSource source;
};

struct Recorder : TrainObserver {
  void on_step(const StepReport& report) override { steps.push_back(report); }
  std::vector<StepReport> steps;
};

inline bool same(const TensorMap& a, const TensorMap& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [name, tensor] : a) {
    if (!tensor.equal(b.at(name))) return false;
  }
  return true;
}

class Training : public ::testing::Test {
 protected:
  void SetUp() override { set_log_level(LogLevel::kOff); }
  StageContext context(const std::string& name) {
    StageContext result;
    result.folder = folder.path / name;
    result.seed = 5;
    return result;
  }
  TempFolder folder{"training"};
  Manifest manifest = tiny_corpus(folder.path);
  SearchSpace space = tiny_space();
};

}  // namespace concertina::testing
