// The search spaces of pretrained checkpoints.
#pragma once

#include <optional>

#include "supernet/checkpoint/foreign_model.h"
#include "supernet/space/search_space.h"

namespace concertina {

// Of a LightHuBERT supernet its own space; else the one network alone.
SearchSpace space_of(const ForeignModel& model);

// Which of LightHuBERT's spaces this is, by its slicing rule and embedding widths.
std::optional<LightHubertSpace> lighthubert_space(const SearchSpace& space);

}  // namespace concertina
