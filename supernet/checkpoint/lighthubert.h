// LightHuBERT's spaces over weights of HuBERT base's size (Wang et al. 2022).
#pragma once

#include "supernet/checkpoint/foreign_model.h"
#include "supernet/space/search_space.h"

namespace concertina {

enum class LightHubertSpace { kBase, kSmall };

SpaceChoices lighthubert_choices(LightHubertSpace which);
// `storage`: the shape of the checkpoint's tensors.
SearchSpace lighthubert_space(LightHubertSpace which, const Blueprint& blueprint,
                              const Architecture& storage);

}  // namespace concertina
