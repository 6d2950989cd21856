// The keys in which two config fingerprints differ, and which of them a resumed run may change.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace concertina {

struct ConfigChange {
  std::string key;          // dotted: stage1.optimizer.lr
  std::string before, now;  // JSON; "nothing" where a fingerprint has no such key
};

struct ConfigChanges {
  // Do not affect the steps already trained: validation settings, and more steps. The learning-rate
  // schedule continues as that of a run with the new number of steps from its start.
  std::vector<ConfigChange> allowed;
  std::vector<ConfigChange> incompatible;  // all others: a run with these settings is another run
};

// `done`: steps made by the run with fingerprint `before`. Incompatible too: fewer steps than are
// done, and another number of steps while progressive shrinking, which takes a share of them, is
// not finished.
ConfigChanges config_changes(const std::string& before, const std::string& now, int64_t done);

// "stage1.steps was 450 and is 900, seed was 0 and is 1". `places`: of inputs of the stage, by name, where
// the pipeline file has them: "inputs.teacher (run.yaml:4:10) was ...".
std::string describe(const std::vector<ConfigChange>& changes,
                     const std::map<std::string, std::string>& places = {});

}  // namespace concertina
