#include "distill/train/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "distill/train/subnet_draw.h"
#include "supernet/space/cost.h"
#include "supernet/space/resolve.h"

namespace concertina {
namespace {

bool has_first(SamplerKind kind) { return kind != SamplerKind::kRandom; }
SampledSubnet first_of(const SamplerOptions& options, const SearchSpace& space) {
  if (options.kind == SamplerKind::kWhole) return {"whole", space.whole()};
  if (options.kind == SamplerKind::kSubnet)
    return {"subnet", resolve_architecture(space, options.subnet)};
  return {"largest", space.largest()};
}
bool is_alone(SamplerKind kind) {
  return kind == SamplerKind::kLargest || kind == SamplerKind::kWhole ||
         kind == SamplerKind::kSubnet;
}
bool has_smallest(SamplerKind kind) {
  return kind == SamplerKind::kSandwich || kind == SamplerKind::kPareto;
}
int32_t random_of(const SamplerOptions& options) {
  if (is_alone(options.kind)) return 0;
  const bool one =
      options.kind == SamplerKind::kRandom || options.kind == SamplerKind::kAlternating;
  return one ? 1 : options.random;
}

std::vector<SampledSubnet> sizes_of(const SamplerOptions& options, const SearchSpace& space) {
  if (is_alone(options.kind)) return {first_of(options, space)};
  std::vector<SampledSubnet> sizes;
  sizes.push_back({"largest", space.largest()});
  if (space.smallest() == space.largest()) return sizes;
  sizes.push_back({"default", space.default_architecture()});
  sizes.push_back({"smallest", space.smallest()});
  return sizes;
}

// Largest, smallest and random subnets, as many of each as the kind has; with kAlternating the
// largest or a random one. While the space has one member, that one alone.
class MixedSampler : public SubnetSampler {
 public:
  MixedSampler(const SamplerOptions& options, const SearchSpace& space, int64_t steps,
               const Rng& rng)
      : options_(options),
        shrinking_steps_(options.progressive * static_cast<double>(steps)),
        first_(first_of(options, space)),
        sizes_(sizes_of(options, space)),
        shrinking_(space),
        rng_(rng) {
    if (options.kind == SamplerKind::kPareto) {
      pareto_ = std::make_unique<ParetoSampler>(shrinking_, space.blueprint(), options.candidates,
                                                rng.fork("bins"));
    }
  }

  std::vector<SampledSubnet> draw(int64_t step) const override {
    const int32_t stage = stage_of(step);
    std::vector<SampledSubnet> subnets;
    if (has_first(options_.kind) && (stage == 0 || step % options_.largest_every == 0)) {
      subnets.push_back(first_);
      if (stage == 0 || options_.kind == SamplerKind::kAlternating) return subnets;
    }
    if (has_smallest(options_.kind)) subnets.push_back({"smallest", shrinking_.smallest(stage)});
    Rng rng = rng_.fork("subnets", static_cast<uint64_t>(step));
    for (int32_t i = 1; i <= random_of(options_); ++i) {
      subnets.push_back({fmt::format("random{}", i),
                         pareto_ ? pareto_->sample(stage, rng) : shrinking_.sample(stage, rng)});
    }
    return subnets;
  }

  int64_t opening_step(int64_t step) const override {
    const int32_t stage = stage_of(step);
    auto at = static_cast<int64_t>(stage * shrinking_steps_ / (ProgressiveShrinking::kStages - 1));
    while (stage_of(at) < stage) ++at;
    while (at > 0 && stage_of(at - 1) == stage) --at;
    return at;
  }

  std::vector<SampledSubnet> sizes() const override { return sizes_; }

 private:
  int32_t stage_of(int64_t step) const {
    const auto at = static_cast<double>(step);
    if (at >= shrinking_steps_) return ProgressiveShrinking::kStages - 1;
    return static_cast<int32_t>(at * (ProgressiveShrinking::kStages - 1) / shrinking_steps_);
  }

  SamplerOptions options_;
  double shrinking_steps_;
  SampledSubnet first_;
  std::vector<SampledSubnet> sizes_;
  ProgressiveShrinking shrinking_;
  std::unique_ptr<ParetoSampler> pareto_;
  Rng rng_;
};

}  // namespace

std::vector<SampledSubnet> largest_first(std::vector<SampledSubnet> subnets,
                                         const Blueprint& blueprint) {
  std::ranges::stable_sort(subnets, std::greater<>(), [&](const SampledSubnet& subnet) {
    return cost_of(blueprint, subnet.architecture, blueprint.sample_rate).params;
  });
  return subnets;
}

std::unique_ptr<SubnetSampler> make_sampler(const SamplerOptions& options, const SearchSpace& space,
                                            int64_t steps, const Rng& rng) {
  return std::make_unique<MixedSampler>(options, space, steps, rng);
}

}  // namespace concertina
