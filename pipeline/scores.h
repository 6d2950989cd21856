// What scores.json holds (docs/formats.md): models scored by the same probes on the same clips.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "eval/tasks.h"

namespace concertina {

struct ScoredModel {
  std::string name;
  std::string architecture;  // key; "" for features without learning
  int64_t params = 0;        // 0 for them
  std::vector<TaskScore> scores;
};

struct Scores {
  Split split = Split::kTest;
  uint64_t seed = 0;
  std::string data;  // fingerprint of the manifest
  double fidelity = 1;
  std::vector<TaskData> tasks;
  std::vector<std::pair<std::string, std::string>> left_out;  // task, and why
  std::vector<ScoredModel> models;
};

enum class ClipScores { kNone, kListed };  // of each clip: hits, totals, trials

std::string to_json(const Scores& scores, ClipScores clips = ClipScores::kNone);
// Files of earlier versions too, without what they lack. InputError when it is not such a file,
// SystemError when it cannot be read.
Scores read_scores(const std::filesystem::path& file);

// nullptr: the model was not scored on it.
const TaskScore* find_score(const ScoredModel& model, const std::string& metric);
const ScoredModel* find_model(const Scores& scores, const std::string& name);
// Every metric that any model was scored on, in the order of their first appearance.
std::vector<std::string> metrics_of(const Scores& scores);

}  // namespace concertina
