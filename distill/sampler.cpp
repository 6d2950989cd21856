#include "distill/sampler.h"

#include <fmt/format.h>

#include <utility>

namespace concertina {
namespace {

// `fixed` subnets every step, and `random` drawn ones.
class MixedSampler : public SubnetSampler {
 public:
  MixedSampler(const SearchSpace& space, std::vector<SampledSubnet> fixed, int32_t random,
               const Rng& rng)
      : space_(space), fixed_(std::move(fixed)), random_(random), rng_(rng) {}

  std::vector<SampledSubnet> draw(int64_t step) const override {
    std::vector<SampledSubnet> subnets = fixed_;
    Rng rng = rng_.fork("subnets", static_cast<uint64_t>(step));
    for (int32_t i = 1; i <= random_; ++i) {
      subnets.push_back({fmt::format("random{}", i), space_.sample(rng)});
    }
    return subnets;
  }

 private:
  SearchSpace space_;
  std::vector<SampledSubnet> fixed_;
  int32_t random_;
  Rng rng_;
};

}  // namespace

std::unique_ptr<SubnetSampler> make_sampler(SamplerKind kind, const SearchSpace& space,
                                            int32_t random_subnets, const Rng& rng) {
  std::vector<SampledSubnet> fixed;
  if (kind == SamplerKind::kWhole) fixed.push_back({"whole", space.whole()});
  if (kind == SamplerKind::kLargest || kind == SamplerKind::kSandwich) {
    fixed.push_back({"largest", space.largest()});
  }
  if (kind == SamplerKind::kSandwich) fixed.push_back({"smallest", space.smallest()});
  int32_t random = 0;
  if (kind == SamplerKind::kRandom) random = 1;
  if (kind == SamplerKind::kSandwich) random = random_subnets;
  return std::make_unique<MixedSampler>(space, std::move(fixed), random, rng);
}

}  // namespace concertina
