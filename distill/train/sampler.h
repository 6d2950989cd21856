// Samplers of the subnets that are trained in each step. The draw of a step depends on the seed and
// the step only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/rng.h"
#include "distill/train/options.h"
#include "supernet/space/search_space.h"

namespace concertina {

struct SampledSubnet {
  std::string role;  // largest | whole | subnet | smallest | random1, random2, ...: names its loss
  Architecture architecture;
};

// Thread-safe.
class SubnetSampler {
 public:
  virtual ~SubnetSampler() = default;
  // At least one; the largest first where it is among them (its output is the target in in-place
  // distillation).
  virtual std::vector<SampledSubnet> draw(int64_t step) const = 0;
  // The step at which progressive shrinking last enlarged the space that `step` samples from; 0
  // without it.
  virtual int64_t opening_step(int64_t step) const = 0;
  // The subnets that validation evaluates, by name.
  virtual std::vector<SampledSubnet> sizes() const = 0;
};

// By parameters; equal ones stay in their order.
std::vector<SampledSubnet> largest_first(std::vector<SampledSubnet> subnets,
                                         const Blueprint& blueprint);

// `steps`: of the run; progressive shrinking takes a share of them. InputError when options.subnet
// is no member of the space.
std::unique_ptr<SubnetSampler> make_sampler(const SamplerOptions& options, const SearchSpace& space,
                                            int64_t steps, const Rng& rng);

}  // namespace concertina
