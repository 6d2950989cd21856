// Every genome that a searcher has asked for, and new random ones. Private to search/.
#pragma once

#include <optional>
#include <span>
#include <unordered_set>

#include "core/rng.h"
#include "study/trial.h"
#include "supernet/space/genome.h"
#include "supernet/space/search_space.h"

namespace concertina {

class Archive {
 public:
  explicit Archive(const SearchSpace& space) : codec_(space) {}

  bool add_genome(const Genome& genome) { return asked_.insert(genome).second; }  // false: known
  bool empty() const { return asked_.empty(); }
  void restart(std::span<const Trial> told);

  // Adds and returns a random member that was never asked for; nothing when the space is exhausted.
  std::optional<Genome> new_random_genome(Rng& rng);

 private:
  struct Hash {
    size_t operator()(const Genome& genome) const noexcept;
  };
  // By enumeration, for a space that is nearly exhausted.
  std::optional<Genome> first_unasked();

  GenomeCodec codec_;
  std::unordered_set<Genome, Hash> asked_;
};

}  // namespace concertina
