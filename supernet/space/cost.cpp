#include "supernet/space/cost.h"

#include "supernet/space/tensor_table.h"
#include "supernet/space/work.h"

namespace concertina {

Cost cost_of(const Blueprint& blueprint, const Architecture& architecture, int64_t samples,
             int32_t storage_embed_dim) {
  const ForwardWork work = work_of(blueprint, architecture, samples);
  Cost cost{.macs = work.macs(), .front_end_macs = work.front_end};
  for (const TensorEntry& entry : tensor_table(blueprint, architecture)) {
    cost.params += entry.numel();
    if (entry.id.part == TensorPart::kScale) continue;
    const bool whole = entry.id.module() == TensorModule::kMaskEmbedding && storage_embed_dim > 0;
    cost.params_lighthubert += whole ? storage_embed_dim : entry.numel();
  }
  return cost;
}

}  // namespace concertina
