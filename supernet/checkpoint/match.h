// Which tensor of a pretrained checkpoint becomes which of ours.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "supernet/checkpoint/foreign_model.h"
#include "supernet/container/tensor_layout.h"

namespace concertina {

struct TensorPlan {
  // Our name: theirs. HuBERT's head of units is among them where the file has it.
  std::map<std::string, std::string> taken;
  std::vector<std::pair<std::string, std::string>> ignored;  // their name (or how many), why
  std::vector<std::string> zeros;  // ours that may be missing: the mask embedding, unused here
};

// InputError lists every missing, unknown and misshaped tensor; also when all together are larger
// than the file of `file_bytes`.
TensorPlan match_tensors(const ForeignModel& model, const LayoutMap& tensors,
                         const std::string& name, uint64_t file_bytes);

}  // namespace concertina
