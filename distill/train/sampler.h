// Which subnets one training step trains. The draw of a step depends on the seed and the step only.
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
  std::string role;  // largest | whole | smallest | random1, random2, ...: names its loss
  Architecture architecture;
};

// Thread-safe.
class SubnetSampler {
 public:
  virtual ~SubnetSampler() = default;
  // At least one; the largest first where it is among them (in-place distillation learns from it).
  virtual std::vector<SampledSubnet> draw(int64_t step) const = 0;
  // The step at which the space that `step` draws from opened; 0 where it never changes.
  virtual int64_t opened_at(int64_t step) const = 0;
  // What validation looks at: sizes of the space that are trained, by name.
  virtual std::vector<SampledSubnet> sizes() const = 0;
};

// `steps`: of the run; progressive shrinking is spread over a share of them.
std::unique_ptr<SubnetSampler> make_sampler(const SamplerOptions& options, const SearchSpace& space,
                                            int64_t steps, const Rng& rng);

}  // namespace concertina
