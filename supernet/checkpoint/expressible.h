// Which of our models can be exported to transformers and fairseq.
#pragma once

#include <string>

#include "supernet/space/architecture.h"
#include "supernet/space/blueprint.h"
#include "supernet/space/tensor_table.h"

namespace concertina {

// Everything about the model that the package of a naming does not support (transformers'
// HubertModel, WavLMModel and WhisperEncoder, fairseq's HubertModel), joined by "; "; "" when it is exportable.
std::string not_expressible(const Blueprint& blueprint, const Architecture& architecture,
                            Naming package);

}  // namespace concertina
