// Which of our models transformers and fairseq have words for.
#pragma once

#include <string>

#include "supernet/checkpoint/names.h"
#include "supernet/space/architecture.h"
#include "supernet/space/blueprint.h"

namespace concertina {

// Everything about the model that the package of a naming has no option for - transformers'
// HubertModel and WavLMModel, fairseq's HubertModel -, joined by "; "; "" when it has all.
std::string not_expressible(const Blueprint& blueprint, const Architecture& architecture,
                            Naming package);

// Our name of a layer's tensor with the layer's place among the kept ones for its index: packages
// count the layers that are there. Other names stay as they are.
std::string with_layers_counted(const std::string& name, const Architecture& architecture);

}  // namespace concertina
