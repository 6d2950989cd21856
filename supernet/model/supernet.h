// A Supernet: blueprint, space, and the weights of its largest member. A teacher is a Supernet
// whose space has one member. supernet/space/tensor_table.h names the weights.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "core/rng.h"
#include "supernet/nn/weights.h"
#include "supernet/space/search_space.h"
#include "supernet/space/slicing.h"

namespace concertina {

// One architecture's tensors, ready for the forward pass. Tensors are views of the supernet's where
// the slice is a prefix, copies elsewhere; nothing relies on aliasing.
struct Subnet {
  Blueprint blueprint;
  Architecture architecture;
  TensorMap tensors;
  EncoderWeights weights;
};

Subnet make_subnet(const Blueprint& blueprint, const Architecture& architecture, TensorMap tensors);
// A deep copy: for weights that outlive the file they were mapped from.
Subnet copy_of(const Subnet& subnet);

// The part of a stored tensor that a slice names; differentiable. For kBakedWeightNorm use
// slice_tensors.
at::Tensor take_slice(const at::Tensor& full, const TensorSlice& slice);
// All tensors of an architecture out of the storage's; differentiable.
TensorMap slice_tensors(const TensorMap& full, const std::vector<TensorSlice>& slices);

class Supernet {
 public:
  Supernet() = default;
  // InputError lists every missing, extra or misshaped tensor.
  Supernet(SearchSpace space, TensorMap weights, std::string provenance = "");
  // Initial values as in the table of tensors; seeded per tensor name, so that they do not depend
  // on the order of creation.
  static Supernet random(const SearchSpace& space, const Rng& rng);

  const SearchSpace& space() const { return space_; }
  const Blueprint& blueprint() const { return space_.blueprint(); }
  const Storage& storage() const { return storage_; }
  const TensorMap& weights() const { return weights_; }
  TensorMap& weights() { return weights_; }
  // JSON: how it was made, licence notes.
  const std::string& provenance() const { return provenance_; }

  // `low_precision`: dtype for matrices and convolutions (fp32 or bf16); the rest stays fp32.
  // InputError when the storage does not cover the architecture.
  Subnet slice(const Architecture& architecture, at::ScalarType low_precision = at::kFloat) const;
  // A Supernet with the one member and its own tensors.
  Supernet extract(const Architecture& architecture) const;
  Supernet to(at::Device device) const;

 private:
  SearchSpace space_;
  Storage storage_;
  TensorMap weights_;
  std::string provenance_;
};

}  // namespace concertina
