// The curve of one training run, read from its metrics.jsonl.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace concertina {

struct TrainingCurve {
  std::string title;  // "teacher", "stage 1", "stage 2"
  std::vector<double> step, loss;
  // By name, one value per step; NaN where it was not measured.
  std::vector<std::pair<std::string, std::vector<double>>> validation;
};

// A last line that is cut short is ignored: the file may be read while a run writes it, or after it
// was killed. InputError names any other line that is not a JSON object.
TrainingCurve read_training_curve(const std::filesystem::path& metrics_jsonl,
                                  const std::string& title);

}  // namespace concertina
