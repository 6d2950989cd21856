#include "supernet/model/parameters.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <optional>

#include "core/errors.h"
#include "core/memory.h"
#include "supernet/model/supernet.h"
#include "supernet/nn/ops.h"

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

constexpr int64_t kChunk = 16384;  // elements, the grain of parallel loops

// Calls visit(chunk, begin, count) on every chunk with touched elements, from several threads.
template <class Visit>
void for_touched_chunks(const TouchedMask& touched, int64_t numel, const Visit& visit) {
  const int64_t chunks = (numel + kChunk - 1) / kChunk;
  at::parallel_for(0, chunks, 1, [&](int64_t from, int64_t to) {
    for (int64_t chunk = from; chunk < to; ++chunk) {
      const int64_t begin = chunk * kChunk, count = std::min(kChunk, numel - begin);
      if (touched.any(begin, count)) visit(chunk, begin, count);
    }
  });
}

// In kLanes independent sums, so that it is vectorised.
double sum_of_squares(const float* values, int64_t count) {
  constexpr int64_t kLanes = 16;
  float lanes[kLanes] = {};
  const int64_t whole = count / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] += values[i + lane] * values[i + lane];
    }
  }
  double sum = 0;
  for (const float lane : lanes) sum += lane;
  for (int64_t i = whole; i < count; ++i) sum += static_cast<double>(values[i]) * values[i];
  return sum;
}

// add_slice() of rows listed in dimension d, in one operation: on a GPU one launch for each run of
// rows would take longer. No slice lists two dimensions.
void add_listed(at::Tensor full, TouchedMask& touched, const at::Tensor& gradient, double scale,
                const TensorSlice& slice, size_t d) {
  for (size_t after = d + 1; after < slice.dims.size(); ++after) {
    CONCERTINA_ASSERT(slice.dims[after].indices.empty());
    full = full.narrow(static_cast<int64_t>(after), 0, slice.dims[after].size);
  }
  const auto axis = static_cast<int64_t>(d);
  const at::Tensor rows = to_device(at::tensor(slice.dims[d].indices, at::kLong), full.device());
  full.index_add_(axis, rows, gradient.to(full.scalar_type()), scale);
  touched.add_rows(full, axis, rows);
}

// Adds gradient * scale to the part of `full` that a slice names, and marks it in `touched`. Listed
// rows are split into contiguous runs, so that every part is a view.
void add_slice(at::Tensor full, TouchedMask& touched, const at::Tensor& gradient, double scale,
               const TensorSlice& slice, size_t from_dim = 0) {
  for (size_t d = from_dim; d < slice.dims.size(); ++d) {
    const DimSlice& dim = slice.dims[d];
    const auto axis = static_cast<int64_t>(d), rows = static_cast<int64_t>(dim.indices.size());
    if (rows > 0 && !full.is_cpu()) return add_listed(full, touched, gradient, scale, slice, d);
    for (int64_t begin = 0, end = 0; begin < rows; begin = end) {
      const int64_t first = dim.indices[static_cast<size_t>(begin)];
      while (end < rows && dim.indices[static_cast<size_t>(end)] == first + end - begin) ++end;
      add_slice(full.narrow(axis, first, end - begin), touched,
                gradient.narrow(axis, begin, end - begin), scale, slice, d + 1);
    }
    if (rows > 0) return;
    full = full.narrow(axis, 0, dim.size);
  }
  full.add_(gradient, scale);
  touched.add(full);
}

}  // namespace

Parameters::Parameters(const std::vector<Init>& values, at::Device device) {
  int64_t offset = 0;
  for (const Init& init : values) {
    list_.push_back({init.name, init.value.sizes().vec(), offset, init.decay, init.lr_scale});
    if (init.lr_scale == 0) frozen_.insert(init.name);
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

at::Tensor zeros_like_flat(const Parameters& parameters, at::ScalarType dtype) {
  const at::Tensor& flat = parameters.flat();
  if (!flat.is_cpu()) return at::zeros_like(flat, dtype);
  auto pages = zero_pages(static_cast<size_t>(flat.numel()) * c10::elementSize(dtype));
  void* data = pages.get();
  return at::from_blob(data, flat.sizes(), [pages = std::move(pages)](void*) {}, dtype);
}

Gradients::Gradients(const Parameters& parameters)
    : flat(zeros_like_flat(parameters)), touched(flat), views(views_of(flat, parameters.list())) {}

void Gradients::zero() {
  if (!flat.is_cpu()) {
    flat.zero_();
    touched.clear();
    return;
  }
  float* gradient = flat.data_ptr<float>();
  for_touched_chunks(touched, flat.numel(), [&](int64_t /*chunk*/, int64_t begin, int64_t count) {
    touched.clear(begin, count);
    std::memset(gradient + begin, 0, static_cast<size_t>(count) * sizeof(float));
  });
}

void Gradients::take(Gradients& other) {
  float *sum = flat.data_ptr<float>(), *part = other.flat.data_ptr<float>();
  const auto add = [&](int64_t /*chunk*/, int64_t begin, int64_t count) {
    for (int64_t i = begin; i < begin + count; ++i) sum[i] += part[i];
    touched.add(other.touched, begin, count);
    other.touched.clear(begin, count);
    std::memset(part + begin, 0, static_cast<size_t>(count) * sizeof(float));
  };
  for_touched_chunks(other.touched, other.flat.numel(), add);
}

at::Tensor Gradients::norm() const {
  if (!flat.is_cpu()) return flat.norm().to(at::kDouble);
  std::vector<double> sums(static_cast<size_t>(flat.numel() / kChunk + 1));
  const float* gradient = flat.const_data_ptr<float>();
  for_touched_chunks(touched, flat.numel(), [&](int64_t chunk, int64_t begin, int64_t count) {
    sums[static_cast<size_t>(chunk)] = sum_of_squares(gradient + begin, count);
  });
  return at::scalar_tensor(std::sqrt(std::accumulate(sums.begin(), sums.end(), 0.0)), at::kDouble);
}

Leaves::Leaves(const Parameters& parameters, std::vector<TensorSlice> slices,
               at::ScalarType low_precision)
    : slices_(std::make_shared<const std::vector<TensorSlice>>(std::move(slices))) {
  const TensorMap& full = parameters.views();
  const auto add_leaf = [&](const std::string& name, const at::Tensor& value, int64_t slice) {
    leaves_.push_back({name, value.detach().requires_grad_(!parameters.is_frozen(name)), slice});
    return leaves_.back().tensor;
  };
  TensorMap whole;  // g and v of a weight norm: sliced after normalising, by autograd
  std::vector<TensorSlice> derived;
  for (size_t i = 0; i < slices_->size(); ++i) {
    const TensorSlice& slice = (*slices_)[i];
    if (!full.contains(slice.name)) continue;  // not trained
    const auto dtype = slice.low_precision ? low_precision : at::kFloat;
    if (slice.kind == SliceKind::kPlain) {
      tensors_[slice.name] = add_leaf(slice.name, take_slice(full.at(slice.name), slice).to(dtype),
                                      static_cast<int64_t>(i));
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

void Leaves::accumulate_into(Gradients& gradients, double scale, const Added& added) const {
  // Autograd keeps each leaf's gradient after the hook; it is released by the next leaf's hook.
  using Weak = c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>;
  const auto last = std::make_shared<std::optional<Weak>>();
  for (const Leaf& leaf : leaves_) {
    if (!leaf.tensor.requires_grad()) continue;
    const at::Tensor full = gradients.views.at(leaf.name);
    const Weak self(leaf.tensor.getIntrusivePtr());
    leaf.tensor.register_hook([full, touched = &gradients.touched, scale, added, last, self,
                               name = leaf.name, slices = slices_,
                               slice = leaf.slice](const at::Tensor& gradient) {
      if (*last) {
        if (auto before = (*last)->lock()) at::Tensor(std::move(before)).mutable_grad().reset();
      }
      *last = self;
      if (slice < 0) {
        full.add_(gradient, scale);
        touched->add(full);
      } else {
        add_slice(full, *touched, gradient, scale, (*slices)[static_cast<size_t>(slice)]);
      }
      if (added) added(name);
    });
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
