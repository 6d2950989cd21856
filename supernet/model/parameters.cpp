#include "supernet/model/parameters.h"

#include <ATen/core/grad_mode.h>

#include "core/errors.h"
#include "supernet/model/supernet.h"

namespace concertina {
namespace {

int64_t numel_of(const std::vector<int64_t>& sizes) {
  int64_t n = 1;
  for (int64_t s : sizes) n *= s;
  return n;
}

TensorMap views_of(const at::Tensor& flat, const std::vector<Parameter>& list) {
  TensorMap views;
  for (const Parameter& p : list)
    views[p.name] = flat.narrow(0, p.offset, numel_of(p.sizes)).view(p.sizes);
  return views;
}

// Calls change(part) on the part of `full` that a slice names: a view where the slice is a prefix;
// gathered rows are taken out, changed and put back.
template <class Change>
void change_slice(at::Tensor full, TensorSlice slice, const Change& change) {
  for (size_t d = 0; d < slice.dims.size(); ++d) {
    DimSlice& dim = slice.dims[d];
    const auto axis = static_cast<int64_t>(d);
    if (!dim.indices.empty()) {
      const at::Tensor rows = at::tensor(dim.indices, at::kLong).to(full.device());
      const at::Tensor gathered = full.index_select(axis, rows);
      dim.indices.clear();
      change_slice(gathered, slice, change);
      full.index_copy_(axis, rows, gathered);
      return;
    }
    if (full.size(axis) != dim.size) full = full.narrow(axis, 0, dim.size);
  }
  change(full);
}

}  // namespace

Parameters::Parameters(const std::vector<Init>& values, at::Device device) {
  int64_t offset = 0;
  for (const Init& init : values) {
    list_.push_back({init.name, init.value.sizes().vec(), offset, init.decay});
    offset += init.value.numel();
  }
  flat_ = at::zeros({offset}, at::TensorOptions(device).dtype(at::kFloat));
  views_ = views_of(flat_, list_);
  for (const Init& init : values) views_.at(init.name).copy_(init.value);
}

const Parameter& Parameters::find(const std::string& name) const {
  for (const Parameter& p : list_) {
    if (p.name == name) return p;
  }
  throw std::logic_error("no parameter named " + name);
}

Gradients::Gradients(const Parameters& parameters)
    : flat(at::zeros_like(parameters.flat())),
      touched(at::zeros_like(parameters.flat(), at::kByte)),
      views(views_of(flat, parameters.list())),
      touched_views(views_of(touched, parameters.list())) {}

void Gradients::zero() {
  flat.zero_();
  touched.zero_();
}

Leaves::Leaves(const Parameters& parameters, std::vector<TensorSlice> slices,
               at::ScalarType low_precision)
    : slices_(std::move(slices)) {
  const TensorMap& full = parameters.views();
  const auto add_leaf = [&](const std::string& name, const at::Tensor& value, int64_t slice) {
    leaves_.push_back({name, value.detach().requires_grad_(), slice});
    return leaves_.back().tensor;
  };
  TensorMap
      whole;  // g and v of a weight-normalised convolution: sliced after normalising, by autograd
  std::vector<TensorSlice> derived;
  for (size_t i = 0; i < slices_.size(); ++i) {
    const TensorSlice& slice = slices_[i];
    if (!full.contains(slice.name)) continue;  // not trained
    const auto dtype = slice.low_precision ? low_precision : at::kFloat;
    if (slice.kind == SliceKind::kPlain) {
      tensors_[slice.name] =
          add_leaf(slice.name, take(full.at(slice.name), slice).to(dtype), static_cast<int64_t>(i));
    } else {
      whole[slice.name] = add_leaf(slice.name, full.at(slice.name), -1);
      derived.push_back(slice);
    }
  }
  for (const TensorSlice& slice : derived) {
    const auto dtype = slice.low_precision ? low_precision : at::kFloat;
    TensorMap parts = slice_tensors(whole, {slice});
    for (auto& [name, tensor] : parts) tensors_[name] = tensor.to(dtype);
  }
}

void Leaves::accumulate(Gradients& gradients, double scale) const {
  at::NoGradGuard no_grad;
  for (const Leaf& leaf : leaves_) {
    const at::Tensor& gradient = leaf.tensor.grad();
    if (!gradient.defined()) continue;
    at::Tensor& full = gradients.views.at(leaf.name);
    at::Tensor& touched = gradients.touched_views.at(leaf.name);
    if (leaf.slice < 0) {
      full.add_(gradient, scale);
      touched.fill_(1);
    } else {
      const TensorSlice& slice = slices_[static_cast<size_t>(leaf.slice)];
      change_slice(full, slice, [&](at::Tensor& part) { part.add_(gradient, scale); });
      change_slice(touched, slice, [](at::Tensor& part) { part.fill_(1); });
    }
  }
}

std::vector<Parameters::Init> trainable(const TensorMap& weights,
                                        const std::vector<TensorSlice>& storage_slices) {
  std::vector<Parameters::Init> values;
  for (const TensorSlice& slice : storage_slices) {
    if (!slice.trained) continue;
    values.push_back({slice.name, weights.at(slice.name), slice.decay});
  }
  return values;
}

}  // namespace concertina
