// The dict by which LightHuBERT names a subnet:
//   {"atten_dim":[..],"embed_dim":..,"ffn_embed":[..],"heads_num":[..],"layer_num":..,"slide_wsz":[..]}
#pragma once

#include <string>

#include "supernet/space/search_space.h"

namespace concertina {

// Its layers are those that the space keeps at this depth; front end and frame period, which the
// dict leaves out, are the largest member's. Not checked against the space. InputError.
Architecture architecture_from_lighthubert(const SearchSpace& space, const std::string& json);

}  // namespace concertina
