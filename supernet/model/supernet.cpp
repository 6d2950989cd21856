#include "supernet/model/supernet.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "core/errors.h"
#include "supernet/model/unit_head.h"
#include "supernet/nn/ops.h"
#include "supernet/nn/whisper.h"

namespace concertina {
namespace {

void check_weights(const std::vector<TensorSlice>& expected, const TensorMap& weights,
                   int64_t embed_dim) {
  std::string problems;
  const auto add = [&](const std::string& text) {
    problems += (problems.empty() ? "" : "; ") + text;
  };
  std::map<std::string, bool> known;
  for (const TensorSlice& slice : expected) {
    known[slice.name] = true;
    auto found = weights.find(slice.name);
    if (found == weights.end()) {
      add(slice.name + " is missing");
    } else if (found->second.sizes() != at::IntArrayRef(slice.shape())) {
      add(fmt::format("{} is [{}], expected [{}]", slice.name,
                      fmt::join(found->second.sizes(), ", "), fmt::join(slice.shape(), ", ")));
    }
  }
  for (const auto& [name, tensor] : weights) {
    if (!known.contains(name) && !is_of_unit_head(name)) add(name + " is not part of this model");
  }
  if (const std::string problem = unit_head_problem(weights, embed_dim); !problem.empty())
    add(problem);
  if (!problems.empty())
    throw InputError("the model's tensors do not fit its blueprint: " + problems);
}

at::Tensor initial_value(const TensorEntry& entry, const PositionalConv& positional,
                         at::Generator& generator) {
  const at::IntArrayRef shape(entry.extents.data(), static_cast<size_t>(entry.dims));
  const auto size = [&](size_t dim) { return static_cast<double>(shape[dim]); };
  double taps = 1;
  for (size_t d = 2; d < shape.size(); ++d) taps *= size(d);
  switch (entry.id.init()) {
    case TensorInit::kZeros:
      break;
    case TensorInit::kOnes:
    case TensorInit::kDirectionNorm:  // set by Supernet::random, which has the direction
      return at::ones(shape);
    case TensorInit::kUniform:
      return at::empty(shape).uniform_(0, 1, generator);
    case TensorInit::kXavierUniform: {
      const double bound = std::sqrt(6.0 / ((size(0) + size(1)) * taps));
      return at::empty(shape).uniform_(-bound, bound, generator);
    }
    case TensorInit::kKaimingNormal:
      return at::empty(shape).normal_(0, std::sqrt(2.0 / (size(1) * taps)), generator);
    case TensorInit::kSinusoids:
      return sinusoids(shape[0], shape[1]);
    case TensorInit::kPositionalNormal: {
      const double fan = static_cast<double>(positional.kernel) * size(0);
      return at::empty(shape).normal_(0, std::sqrt(4.0 / fan), generator);
    }
  }
  return at::zeros(shape);
}

// The scale g of a weight norm, one number per kernel tap.
at::Tensor norm_of_taps(const at::Tensor& direction) {
  return direction.norm(2, at::IntArrayRef{0, 1}, true);
}

}  // namespace

at::Tensor take_slice(const at::Tensor& full, const TensorSlice& slice) {
  at::Tensor part = full;
  for (size_t d = 0; d < slice.dims.size(); ++d) {
    const DimSlice& dim = slice.dims[d];
    const auto axis = static_cast<int64_t>(d);
    if (!dim.indices.empty()) {
      part = part.index_select(axis, to_device(at::tensor(dim.indices, at::kLong), part.device()));
    } else if (part.size(axis) != dim.size) {
      part = part.narrow(axis, 0, dim.size);
    }
  }
  return part;
}

TensorMap slice_tensors(const TensorMap& full, const std::vector<TensorSlice>& slices) {
  TensorMap result;
  for (const TensorSlice& slice : slices) {
    if (slice.kind == SliceKind::kPlain) {
      result[slice.name] = take_slice(full.at(slice.name), slice);
    } else if (!slice.scale.empty()) {
      const at::Tensor weight =
          take_slice(weight_norm(full.at(slice.scale), full.at(slice.name)), slice);
      result[slice.scale] = norm_of_taps(weight);
      result[slice.name] = weight;
    }
  }
  return result;
}

Subnet make_subnet(const Blueprint& blueprint, const Architecture& architecture,
                   TensorMap tensors) {
  EncoderWeights weights = assemble(blueprint, architecture, tensors);
  return {blueprint, architecture, std::move(tensors), std::move(weights)};
}

Subnet copy_of(const Subnet& subnet) {
  TensorMap tensors = subnet.tensors;
  for (auto& [name, tensor] : tensors) tensor = tensor.clone();
  return make_subnet(subnet.blueprint, subnet.architecture, std::move(tensors));
}

Supernet::Supernet(SearchSpace space, TensorMap weights, std::string provenance)
    : space_(std::move(space)),
      storage_(space_.storage()),
      weights_(std::move(weights)),
      provenance_(std::move(provenance)) {
  check_weights(tensor_slices(space_.blueprint(), storage_, storage_.shape), weights_,
                storage_.shape.embed_dim());
}

Supernet Supernet::random(const SearchSpace& space, const Rng& rng) {
  const Blueprint& blueprint = space.blueprint();
  TensorMap weights;
  for (const TensorEntry& entry : tensor_table(blueprint, space.storage().shape)) {
    const std::string name = tensor_name(entry.id);
    at::Generator generator =
        at::make_generator<at::CPUGeneratorImpl>(rng.fork("init " + name).next_u64());
    weights[name] = initial_value(entry, blueprint.positional, generator);
  }
  if (blueprint.positional.kernel > 0 && blueprint.positional.weight_norm) {
    using enum TensorPart;
    weights[tensor_name(TensorModule::kPositionalConv, kScale)] =
        norm_of_taps(weights.at(tensor_name(TensorModule::kPositionalConv, kDirection)));
  }
  return Supernet(space, std::move(weights));
}

Subnet Supernet::slice(const Architecture& architecture, at::ScalarType low_precision) const {
  const auto slices = tensor_slices(blueprint(), storage_, architecture);
  TensorMap tensors = slice_tensors(weights_, slices);
  for (const TensorSlice& slice : slices) {
    at::Tensor& tensor = tensors.at(slice.name);
    tensor = tensor.to(slice.low_precision ? low_precision : at::kFloat);
  }
  if (architecture == storage_.shape) tensors.merge(unit_head_of(weights_));
  return make_subnet(blueprint(), architecture, std::move(tensors));
}

Supernet Supernet::extract(const Architecture& architecture) const {
  TensorMap tensors = slice_tensors(weights_, tensor_slices(blueprint(), storage_, architecture));
  for (auto& [name, tensor] : tensors) tensor = tensor.detach().clone(at::MemoryFormat::Contiguous);
  SearchSpace one = SearchSpace::single(blueprint(), {architecture, SlicingRule::kPrefix});
  return Supernet(std::move(one), std::move(tensors), provenance_);
}

Supernet Supernet::to(at::Device device) const {
  Supernet moved = *this;
  for (auto& [name, tensor] : moved.weights_) tensor = tensor.to(device);
  return moved;
}

}  // namespace concertina
