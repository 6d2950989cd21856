// Random subnets: uniform, with some genes fixed to the largest's value (progressive shrinking), or
// near the Pareto front of size and cost. Immutable: thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "core/rng.h"
#include "supernet/space/genome.h"

namespace concertina {

// Progressive shrinking (Cai et al. 2020, OFA): the elastic dimensions are enabled one after
// another; a gene that is not enabled yet is fixed to the value of the largest subnet. Stage 0: the
// largest only; 1: heads, FFN, window and kind of attention of each layer; 2: depth; 3: widths and frame period,
// which is the whole space.
class ProgressiveShrinking {
 public:
  static constexpr int32_t kStages = 4;
  explicit ProgressiveShrinking(const SearchSpace& space);
  Architecture sample(int32_t stage, Rng& rng) const;  // uniform over the enabled genes
  Architecture smallest(int32_t stage) const;

 private:
  Genome closed(Genome genome, int32_t stage) const;
  GenomeCodec codec_;
  Genome largest_;
  std::vector<int32_t> opens_;  // of each gene: the stage that enables it
};

// Attentive sampling (Wang et al. 2021, AttentiveNAS: best of k within a cost bin). MACs are cut
// into kBins bins of equal probability; a bin is drawn, then `candidates` members of it, of which
// the one with the most parameters is taken, a proxy of quality that needs no training.
class ParetoSampler {
 public:
  static constexpr int32_t kBins = 8;
  // `shrinking` must outlive it.
  ParetoSampler(const ProgressiveShrinking& shrinking, const Blueprint& blueprint,
                int32_t candidates, Rng rng);
  Architecture sample(int32_t stage, Rng& rng) const;

 private:
  int64_t macs(const Architecture& architecture) const;
  int32_t bin_of(int64_t macs) const;
  const ProgressiveShrinking& shrinking_;
  Blueprint blueprint_;
  int32_t candidates_;
  std::vector<int64_t> edges_;  // kBins - 1, ascending
};

}  // namespace concertina
