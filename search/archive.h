// Every genome a searcher has asked for, and where to find one it has not. Private to search/.
#pragma once

#include <optional>
#include <span>
#include <unordered_set>

#include "core/rng.h"
#include "db/trial.h"
#include "supernet/space/genome.h"

namespace concertina {

class Archive {
 public:
  explicit Archive(const SearchSpace& space) : codec_(space) {}

  bool add(const Genome& genome) { return asked_.insert(genome).second; }  // false: it was there
  bool empty() const { return asked_.empty(); }
  void restart(std::span<const Trial> told);

  // Adds and returns a random member that was never asked for; nothing when the space is used up.
  std::optional<Genome> fresh(Rng& rng);

 private:
  struct Hash {
    size_t operator()(const Genome& genome) const noexcept;
  };
  std::optional<Genome>
  first_left();  // by counting through all genomes, for a space that is nearly used up

  GenomeCodec codec_;
  std::unordered_set<Genome, Hash> asked_;
};

}  // namespace concertina
