#include "distill/train/rate_scales.h"

#include <cmath>
#include <optional>
#include <string>

#include "supernet/space/tensor_table.h"

namespace concertina {
namespace {

int32_t layers_above(const TensorId& id, const Blueprint& blueprint, int32_t depth) {
  if (is_per_encoder_layer(id.module())) return depth - 1 - id.index;
  const bool comes_last =
      id.module() == TensorModule::kEncoderNorm && blueprint.norm_position == NormPosition::kPre;
  return comes_last ? 0 : depth;
}

double scale_of(const std::string& name, const RateScales& scales, const Blueprint& blueprint,
                int32_t depth) {
  const std::optional<TensorId> id = tensor_named(name);
  if (!id) return scales.heads;
  const double decay = std::pow(scales.layer_decay, layers_above(*id, blueprint, depth));
  return scales.layers * decay * (is_of_front_end(id->module()) ? scales.front_end : 1);
}

}  // namespace

void scale_rates(std::vector<Parameters::Init>& parameters, const RateScales& scales,
                 const Blueprint& blueprint, int32_t depth) {
  for (Parameters::Init& parameter : parameters) {
    parameter.lr_scale *= scale_of(parameter.name, scales, blueprint, depth);
    const bool is_matrix = parameter.value.dim() > 1;
    if (is_matrix && tensor_named(parameter.name)) parameter.lr_scale *= scales.matrices;
  }
}

}  // namespace concertina
