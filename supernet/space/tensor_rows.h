// The rows of the table of tensors. Private to tensor_table.h.
#pragma once

#include <string_view>
#include <vector>

#include "supernet/space/tensor_table.h"

namespace concertina {

// A model, and in it the layer that a row is asked about.
struct LayerOfModel {
  const Blueprint& blueprint;
  const Architecture& architecture;
  int32_t index = 0;                  // conv layer or encoder layer
  const LayerShape* layer = nullptr;  // of an encoder layer
};

enum class RowRepeat { kOnce, kConvLayers, kEncoderLayers };

enum class RowForm {
  kStatistic,   // one tensor that is not trained
  kTensor,      // one tensor
  kNorm,        // weight and bias of the one axis
  kMatrix,      // weight of all axes, bias of the first
  kConv,        // the same; bias where the blueprint has conv biases
  kKey,         // the same; bias where the blueprint has biases of keys
  kWeightNorm,  // the same; scale and direction where the blueprint has a weight norm
};

struct TensorRow {
  TensorModule module;
  RowRepeat repeat;
  bool (*present)(const LayerOfModel&);
  RowForm form;
  std::vector<AxisSize> axes;
  TensorInit init;                     // of the weight
  std::string_view name;               // {} stands for the layer
  std::string_view transformers = {};  // empty: the same, or transformers has no such tensor
};

// In the order of the forward pass; neighbours of one repetition are repeated together.
const std::vector<TensorRow>& tensor_rows();

}  // namespace concertina
