// One more encoder layer on top of every subnet, for one objective alone: a student with several, one a
// teacher, shares its other layers among the teachers (CERBERUS, Matsubara et al. 2022). The objective
// inside sees a student that is one layer deeper. The layer is trained and sliced like a prediction head,
// and is no part of the supernet; with_layer_head() makes a model of subnet and layer, whose forward pass
// computes what the objective sees: the same bits where weights lie in memory alike (an extracted subnet).
//
// The layer starts from random weights; the paper's start from the top layers of a pretrained model.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "distill/objective/objective.h"
#include "distill/objective/objective_kinds.h"

namespace concertina {

std::unique_ptr<Objective> on_layer_head(std::unique_ptr<Objective> objective,
                                         const LayerHeadSizes& sizes);

// Saved objectives have the layer's sizes in "head_layer". InputError when they are damaged.
std::string with_layer_head(const std::string& saved, const LayerHeadSizes& sizes);
struct SavedLayerHead {
  std::string saved;  // without it
  std::optional<LayerHeadSizes> head;
};
SavedLayerHead split_layer_head(const std::string& saved);

// The head layers of a trained objective, or of the summands of a sum.
struct LayerHeadOfTeachers {
  std::vector<std::string> teachers;  // names
  std::string prefix;                 // of its tensors among the heads
  LayerHeadSizes sizes;
};
std::vector<LayerHeadOfTeachers> layer_heads(const Objective& objective);

// The subnet with one more layer: that of `teacher`, the only one where it is "". `heads`: at full width,
// as the stage saved them. InputError, with the nearest name, when there is none.
Supernet with_layer_head(const Supernet& supernet, const Architecture& subnet,
                         const Objective& objective, const TensorMap& heads,
                         const std::string& teacher);

}  // namespace concertina
