// How much adversarial noise costs subnets of a model, and whether noise that is made with one of
// them, or with the teacher, harms the others.
#pragma once

#include <string>
#include <vector>

#include "eval/attack.h"
#include "pipeline/scores.h"

namespace concertina {

struct RobustnessRequest {
  std::string model;                 // a file
  std::vector<std::string> members;  // names or keys
  std::string teacher;               // a file; "": none
  std::string data;                  // a manifest
  TaskOptions tasks;
  Split split = Split::kTest;
  AttackOptions attack;
};

// One model under noise from one source.
struct RobustnessRow {
  std::string target, source;     // names of models; source also "clean" and "gaussian"
  double deviation = 0;           // embedding deviation rate; 0 of clean clips
  std::vector<TaskScore> scores;  // probes of clean train, scored clips with noise
};

struct Robustness {
  Split split = Split::kTest;
  std::string data;  // fingerprint of the manifest
  AttackOptions attack;
  std::vector<TaskData> tasks;
  std::vector<std::pair<std::string, std::string>> left_out;
  std::vector<RobustnessRow> rows;  // of each target: clean, gaussian, then each source
};

// Every member, and the teacher, is a target and a source. Each target takes a pass over train and
// the scored clips for each source. InputError when a file is invalid, a member not in the model's
// space or no task can be scored. Interrupted when a stop was asked for.
Robustness measure_robustness(const RobustnessRequest& request, const StopToken& stop);

// A row for each target and source: values, and in parentheses the change from clean clips.
std::string robustness_text(const Robustness& robustness);
std::string to_json(const Robustness& robustness);  // docs/formats.md

}  // namespace concertina
