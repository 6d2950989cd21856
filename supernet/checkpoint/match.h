// Which tensor of a foreign checkpoint becomes which of ours.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "supernet/checkpoint/foreign_model.h"
#include "supernet/container/tensor_layout.h"

namespace concertina {

struct TensorPlan {
  std::map<std::string, std::string> taken;                  // our name: theirs
  std::vector<std::pair<std::string, std::string>> ignored;  // their name, why
  std::vector<std::string> zeros;  // ours that the checkpoint may lack: mask_emb, without use here
};

// InputError lists every missing, extra and misshaped tensor, and refuses tensors that together
// are larger than the file of `file_bytes`.
TensorPlan match_tensors(const ForeignModel& model, const LayoutMap& tensors,
                         const std::string& name, uint64_t file_bytes);

}  // namespace concertina
