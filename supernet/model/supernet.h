// A Supernet: blueprint, space, and the weights of its largest architecture. A teacher is a
// Supernet whose space has one member. supernet/space/tensor_table.h names the
// weights.
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
// the rule is a prefix and fresh where it is not; nothing relies on aliasing.
struct Subnet {
  Blueprint blueprint;
  Architecture architecture;
  TensorMap tensors;
  EncoderWeights weights;
};

Subnet make_subnet(const Blueprint& blueprint, const Architecture& architecture, TensorMap tensors);
// With tensors of its own: for weights that outlive the file they were mapped from.
Subnet copy_of(const Subnet& subnet);

// The part of a stored tensor that a slice names; differentiable. kBakedWeightNorm slices are
// handled by slice_tensors.
at::Tensor take(const at::Tensor& full, const TensorSlice& slice);
// All tensors of an architecture out of the storage's; differentiable.
TensorMap slice_tensors(const TensorMap& full, const std::vector<TensorSlice>& slices);

class Supernet {
 public:
  Supernet() = default;
  // InputError lists every missing, extra or misshaped tensor.
  Supernet(SearchSpace space, TensorMap weights, std::string provenance = "");
  // Xavier-uniform matrices, zero biases, unit norms, U(0,1) mask embedding; seeded per tensor
  // name, so that one seed gives one model whatever the order of creation.
  static Supernet random(const SearchSpace& space, const Rng& rng);

  const SearchSpace& space() const { return space_; }
  const Blueprint& blueprint() const { return space_.blueprint(); }
  const Storage& storage() const { return storage_; }
  const TensorMap& weights() const { return weights_; }
  TensorMap& weights() { return weights_; }
  const std::string& provenance() const {
    return provenance_;
  }  // JSON: how it was made, licence notes

  // `low_precision`: dtype for matrices and convolutions (fp32 or bf16); the rest stays fp32.
  // InputError when the storage does not cover the architecture.
  Subnet slice(const Architecture& architecture, at::ScalarType low_precision = at::kFloat) const;
  // Standalone: materialised tensors, storage rebased to the one architecture.
  Supernet extract(const Architecture& architecture) const;
  Supernet to(at::Device device) const;

 private:
  SearchSpace space_;
  Storage storage_;
  TensorMap weights_;
  std::string provenance_;
};

}  // namespace concertina
