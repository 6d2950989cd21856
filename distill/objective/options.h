// Which objective the student is trained with.
#pragma once

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

// What kinds of objectives have in common.
struct ObjectiveTraits {
  bool reads_mask = false;    // of the student's input: the search cannot score such an objective
  bool reads_units = false;   // labels of frames
  bool reads_logits = false;  // of the teacher's unit head
  bool in_place = true;       // smaller subnets can learn from the largest one's rows
  bool head_layer = false;    // an encoder layer of its own on top of the student
};
ObjectiveTraits traits_of(const ObjectiveOptions& options);

}  // namespace concertina
