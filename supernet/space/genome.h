// Members of a space as lists of integers, for searchers.
//
//   GenomeCodec codec(space);
//   codec.decode(codec.encode(a)) == a
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/rng.h"
#include "supernet/space/search_space.h"

namespace concertina {

// One integer per gene, an index into that gene's choices. Genes of dropped layers are 0, so equal
// members have equal genomes. Order: conv_channels, embed_dim, frame_period, depth, then for each
// layer of the supernet heads, ffn_ratio, window and, where the space has both kinds, attention. The genome of a space with one member is empty.
using Genome = std::vector<int32_t>;

// Immutable: thread-safe.
class GenomeCodec {
 public:
  explicit GenomeCodec(SearchSpace space);

  const SearchSpace& space() const { return space_; }
  const std::vector<int32_t>& cardinalities() const { return cardinalities_; }
  // "embed_dim", "layer3.heads", ...
  const std::vector<std::string>& names() const { return names_; }

  Genome encode(const Architecture& architecture) const;  // InputError when it is no member
  // InputError when the length or a gene is out of range.
  Architecture decode(const Genome& genome) const;
  Genome canonical(const Genome& genome) const;  // the one genome of its architecture

  // Each gene takes another value with this probability, uniformly; layers that come back with a
  // greater depth are drawn afresh.
  Genome mutate(const Genome& genome, double probability_per_gene, Rng& rng) const;
  Genome cross(const Genome& a, const Genome& b, Rng& rng) const;  // uniform crossover

 private:
  void check(const Genome& genome) const;
  std::vector<bool> kept_mask(const Genome& genome) const;  // per layer of the supernet
  size_t layer_start(int32_t layer) const;                  // its first gene

  SearchSpace space_;
  size_t layer_genes_;  // of each layer
  std::vector<int32_t> cardinalities_;
  std::vector<std::string> names_;
};

}  // namespace concertina
