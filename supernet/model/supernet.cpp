#include "supernet/model/supernet.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "core/errors.h"
#include "supernet/nn/ops.h"

namespace concertina {
namespace {

std::string sibling(const std::string& weight_v, char last) {
  return weight_v.substr(0, weight_v.size() - 1) + last;
}

// A baked slice of g * v / ||v|| keeps only v in the list of kind kBakedWeightNorm; g comes with
// it.
bool is_direction(const std::string& name) { return name.ends_with("weight_v"); }

at::Tensor baked_slice(const TensorMap& full, const TensorSlice& direction) {
  return take(weight_norm(full.at(sibling(direction.name, 'g')), full.at(direction.name)),
              direction);
}

void check_weights(const std::vector<TensorSlice>& expected, const TensorMap& weights) {
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
    if (!known.contains(name)) add(name + " is not part of this model");
  }
  if (!problems.empty())
    throw InputError("the model's tensors do not fit its blueprint: " + problems);
}

at::Tensor initial_value(const TensorSlice& slice, const PositionalConv& positional,
                         at::Generator& generator) {
  const auto shape = slice.shape();
  const std::string& name = slice.name;
  if (name == "mask_emb") return at::empty(shape).uniform_(0, 1, generator);
  if (name.ends_with("mel.std") || name.ends_with("weight_g") || name.ends_with("grep_a"))
    return at::ones(shape);
  if (name.starts_with("encoder.pos_conv") && shape.size() == 3) {
    const double fan = static_cast<double>(positional.kernel) * static_cast<double>(shape[0]);
    return at::empty(shape).normal_(0, std::sqrt(4.0 / fan), generator);
  }
  if (shape.size() < 2) {
    return name.ends_with("weight") ? at::ones(shape) : at::zeros(shape);  // norms; biases
  }
  double taps = 1;
  for (size_t d = 2; d < shape.size(); ++d) taps *= static_cast<double>(shape[d]);
  if (name.starts_with("feature_extractor.conv_layers")) {  // Kaiming normal, as fairseq
    return at::empty(shape).normal_(0, std::sqrt(2.0 / (static_cast<double>(shape[1]) * taps)),
                                    generator);
  }
  const double bound = std::sqrt(6.0 / (static_cast<double>(shape[0] + shape[1]) * taps));
  return at::empty(shape).uniform_(-bound, bound, generator);
}

}  // namespace

at::Tensor take(const at::Tensor& full, const TensorSlice& slice) {
  at::Tensor part = full;
  for (size_t d = 0; d < slice.dims.size(); ++d) {
    const DimSlice& dim = slice.dims[d];
    const auto axis = static_cast<int64_t>(d);
    if (!dim.indices.empty()) {
      part = part.index_select(axis, placed(at::tensor(dim.indices, at::kLong), part.device()));
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
      result[slice.name] = take(full.at(slice.name), slice);
    } else if (is_direction(slice.name)) {
      at::Tensor weight = baked_slice(full, slice);
      result[sibling(slice.name, 'g')] = weight.norm(2, at::IntArrayRef{0, 1}, true);
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
  check_weights(tensor_slices(space_.blueprint(), storage_, storage_.shape), weights_);
}

Supernet Supernet::random(const SearchSpace& space, const Rng& rng) {
  const Storage storage = space.storage();
  TensorMap weights;
  for (const TensorSlice& slice : tensor_slices(space.blueprint(), storage, storage.shape)) {
    at::Generator generator =
        at::make_generator<at::CPUGeneratorImpl>(rng.fork("init " + slice.name).next_u64());
    weights[slice.name] = initial_value(slice, space.blueprint().positional, generator);
  }
  if (space.blueprint()
          .positional.weight_norm) {  // g starts as ||v||, so that the weight starts as v
    weights["encoder.pos_conv.0.weight_g"] =
        weights["encoder.pos_conv.0.weight_v"].norm(2, at::IntArrayRef{0, 1}, true);
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
