// Tensor names of the packages checkpoints come from. Ours are fairseq's.
#pragma once

#include <string>
#include <string_view>

#include "supernet/container/tensor_layout.h"

namespace concertina {

enum class Naming { kFairseq, kTransformers };

// The name that a package gives to one of our tensors, without the prefix of a task model.
std::string foreign_name(const std::string& ours, Naming naming);

// What stands before the encoder's names in a task model, such as "hubert." or
// "w2v_encoder.w2v_model."; "" where there is nothing.
std::string task_prefix(const LayoutMap& tensors);

// The other spelling of a weight norm's g and v: parametrizations.weight.original0 and original1
// for weight_g and weight_v and back; "" for other names.
std::string other_spelling(std::string_view name);

// Why an encoder does without this tensor, e.g. "head of pretraining"; "" when it does not.
std::string why_ignored(std::string_view name);

}  // namespace concertina
