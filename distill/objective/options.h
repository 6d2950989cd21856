// Which objective the student is trained with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace concertina {

// A kind and its options, complete. `concertina config stage1.objective` describes each option;
// distill/objective/objective_kinds.h reads and lists them.
struct ObjectiveOptions {
  std::string json;    // {"kind": ..., and the kind's options}
  ObjectiveOptions();  // layer_mean with its defaults
  explicit ObjectiveOptions(std::string options) : json(std::move(options)) {}
  bool operator==(const ObjectiveOptions&) const = default;
};

// The key of an option that does not fit a teacher of this depth, and why.
std::optional<std::pair<std::string, std::string>> objective_problem(
    const ObjectiveOptions& options, int32_t teacher_depth);

// Whether frames of the student's input must be masked: the search cannot score such an objective.
bool reads_mask(const ObjectiveOptions& options);

}  // namespace concertina
