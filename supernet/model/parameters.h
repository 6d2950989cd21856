// Weights for training: one flat fp32 buffer, one flat gradient, and leaf tensors of the sampled
// slices, so that no full-size gradient is allocated for each subnet. Not thread-safe.
//
//   Parameters parameters(named);                       // copies into the flat buffer
//   Gradients gradients(parameters);
//   Leaves leaves(parameters, tensor_slices(...), at::kBFloat16);
//   leaves.accumulate_into(gradients);
//   loss(leaves.tensors()).backward();  // accumulates into the slices, marks them touched
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "supernet/model/touched_mask.h"
#include "supernet/nn/weights.h"
#include "supernet/space/slicing.h"

namespace concertina {

struct Parameter {
  std::string name;
  std::vector<int64_t> sizes;
  int64_t offset = 0;  // into the flat buffer
  bool decay = false;
  double lr_scale = 1;  // of the learning rate; 0: frozen
};

class Parameters {
 public:
  struct Init {
    std::string name;
    at::Tensor value;
    bool decay = false;
    double lr_scale = 1;
  };
  explicit Parameters(const std::vector<Init>& values, at::Device device = at::kCPU);

  const at::Tensor& flat() const { return flat_; }   // [numel] fp32
  const TensorMap& views() const { return views_; }  // by name, shaped, sharing flat's memory
  const std::vector<Parameter>& list() const { return list_; }
  const Parameter& find(const std::string& name) const;  // logic_error when unknown
  bool is_frozen(const std::string& name) const { return frozen_.contains(name); }

 private:
  at::Tensor flat_;
  TensorMap views_;
  std::vector<Parameter> list_;
  std::set<std::string> frozen_;
};

// Zeros of the flat buffer's size, on its device. On the CPU, pages that are never written take no
// memory.
at::Tensor zeros_like_flat(const Parameters& parameters, at::ScalarType dtype = at::kFloat);

class Gradients {
 public:
  explicit Gradients(const Parameters& parameters);
  void zero();                  // clears touched elements only
  void take(Gradients& other);  // adds those of `other` and zeroes it; CPU only
  // 0-d fp64, Euclidean, of touched elements; on the CPU the same for any number of threads.
  at::Tensor norm() const;
  at::Tensor flat;      // [numel] fp32
  TouchedMask touched;  // elements of sampled slices since zero()
  TensorMap views;      // of flat
};

// Detached slices of the parameters as autograd leaves. Frozen ones need no gradient.
class Leaves {
 public:
  Leaves(const Parameters& parameters, std::vector<TensorSlice> slices,
         at::ScalarType low_precision);
  const TensorMap& tensors() const { return tensors_; }  // of the subnet
  // Registers hooks that accumulate each leaf's gradient times `scale` during backward and then
  // call `added`. Call once, before backward; `gradients` must outlive the graph.
  using Added = std::function<void(const std::string& parameter)>;
  void accumulate_into(Gradients& gradients, double scale = 1.0, const Added& added = {}) const;

 private:
  struct Leaf {
    std::string name;
    at::Tensor tensor;
    int64_t slice;
  };  // slice -1: the whole parameter
  std::shared_ptr<const std::vector<TensorSlice>> slices_;  // backward reads them too
  std::vector<Leaf> leaves_;
  TensorMap tensors_;
};

// The trained tensors of a supernet; statistics are left out.
std::vector<Parameters::Init> trainable(const TensorMap& weights,
                                        const std::vector<TensorSlice>& storage_slices);

}  // namespace concertina
