// A stage of a pipeline, as a value: the runner knows no more of it.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/run_context.h"

namespace concertina {

struct Stage {
  std::string name;
  std::string settings;             // what its results depend on, in addition to its inputs
  std::vector<std::string> inputs;  // names of earlier stages
  std::vector<std::filesystem::path> outputs;
  std::function<void(const RunContext&)> run;  // resumes what an interrupted run has left

  // Called right before the stage is marked as started, e.g. to move away what it must not
  // overwrite.
  std::function<void()> prepare = {};
  // A fingerprint of what is in its outputs, on which the stages that read them depend too; absent
  // while there are none. Without the function they depend on this stage's settings and inputs
  // alone.
  std::function<std::optional<std::string>()> content = {};
};

// SHA-256 of a file that a config names, for Stage::settings: such files count by their content. ""
// for "".
std::string content_hash(const std::filesystem::path& path);
std::string content_hash(const std::map<std::string, std::filesystem::path>& files);  // by name

}  // namespace concertina
