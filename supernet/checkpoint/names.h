// Tensor names in the packages that pretrained checkpoints come from: the table's
// (supernet/space/tensor_table.h), the prefixes of task models, and what is left out.
#pragma once

#include <string>
#include <string_view>

#include "supernet/container/tensor_layout.h"
#include "supernet/space/tensor_table.h"

namespace concertina {

// The name that a package writes, without the prefix of a task model.
std::string foreign_name(const TensorId& tensor, Naming naming);
// The same with the other names of a weight norm's scale and direction, which files of other
// versions have; the same for other tensors.
std::string other_spelling(const TensorId& tensor, Naming naming);

// A layer's tensor with the layer's position among the kept ones as its index: packages count kept
// layers only. Other tensors are unchanged.
TensorId with_kept_layers_counted(const TensorId& tensor, const Architecture& architecture);

// How a file writes the encoder's names: `added` before them in a task model, such as "hubert." or
// "w2v_encoder.w2v_model.", `dropped` from their start ("encoder." where Whisper's encoder is alone).
struct NamesInFile {
  std::string added, dropped;
  std::string operator()(const std::string& name) const;
};
NamesInFile names_in_file(const LayoutMap& tensors, const Blueprint& blueprint);

// Why an encoder does without this tensor, e.g. "head of a task"; "" when it does not.
std::string why_ignored(std::string_view name);

}  // namespace concertina
