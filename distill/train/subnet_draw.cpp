#include "distill/train/subnet_draw.h"

#include <algorithm>
#include <optional>
#include <string>

#include "supernet/space/cost.h"

namespace concertina {
namespace {

constexpr int32_t kWholeSpace = ProgressiveShrinking::kStages - 1;
constexpr int32_t kProbes = 512;  // members sampled for the bins' edges
constexpr int32_t kTriesPerCandidate = 64;
constexpr int32_t kSeconds = 5;  // of audio, for MACs

int32_t opening_stage(const std::string& gene) {
  if (gene.starts_with("layer")) return 1;
  return gene == "depth" ? 2 : 3;
}

}  // namespace

ProgressiveShrinking::ProgressiveShrinking(const SearchSpace& space)
    : codec_(space), largest_(codec_.encode(space.largest())) {
  for (const std::string& gene : codec_.names()) opens_.push_back(opening_stage(gene));
}

Genome ProgressiveShrinking::closed(Genome genome, int32_t stage) const {
  for (size_t i = 0; i < genome.size(); ++i) {
    if (opens_[i] > stage) genome[i] = largest_[i];
  }
  return genome;
}

Architecture ProgressiveShrinking::sample(int32_t stage, Rng& rng) const {
  if (stage >= kWholeSpace) return codec_.space().sample(rng);
  Genome genome;
  for (const int32_t choices : codec_.cardinalities())
    genome.push_back(static_cast<int32_t>(rng.below(choices)));
  return codec_.decode(closed(std::move(genome), stage));
}

Architecture ProgressiveShrinking::smallest(int32_t stage) const {
  if (stage >= kWholeSpace) return codec_.space().smallest();
  return codec_.decode(closed(Genome(largest_.size(), 0), stage));
}

ParetoSampler::ParetoSampler(const ProgressiveShrinking& shrinking, const Blueprint& blueprint,
                             int32_t candidates, Rng rng)
    : shrinking_(shrinking), blueprint_(blueprint), candidates_(candidates) {
  std::vector<int64_t> costs;
  for (int32_t i = 0; i < kProbes; ++i) costs.push_back(macs(shrinking.sample(kWholeSpace, rng)));
  std::sort(costs.begin(), costs.end());
  for (int32_t bin = 1; bin < kBins; ++bin) {
    edges_.push_back(costs[static_cast<size_t>(bin * kProbes / kBins)]);
  }
}

int64_t ParetoSampler::macs(const Architecture& architecture) const {
  return cost_of(blueprint_, architecture, kSeconds * blueprint_.sample_rate).macs;
}

int32_t ParetoSampler::bin_of(int64_t macs) const {
  return static_cast<int32_t>(std::upper_bound(edges_.begin(), edges_.end(), macs) -
                              edges_.begin());
}

Architecture ParetoSampler::sample(int32_t stage, Rng& rng) const {
  const auto bin = static_cast<int32_t>(rng.below(kBins));
  std::optional<Architecture> best;
  int64_t most = 0;
  int32_t found = 0;
  for (int32_t i = 0; i < candidates_ * kTriesPerCandidate && found < candidates_; ++i) {
    const Architecture architecture = shrinking_.sample(stage, rng);
    const Cost cost = cost_of(blueprint_, architecture, kSeconds * blueprint_.sample_rate);
    if (bin_of(cost.macs) != bin) continue;
    ++found;
    if (!best || cost.params > most) best = architecture;
    most = std::max(most, cost.params);
  }
  return best ? *best : shrinking_.sample(stage, rng);  // no member of this stage lies in the bin
}

}  // namespace concertina
