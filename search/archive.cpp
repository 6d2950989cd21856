#include "search/archive.h"

#include <string_view>

#include "core/hash.h"

namespace concertina {
namespace {

constexpr int kDraws = 200;

// The next combination; false after the last one.
bool advance(Genome& genome, const std::vector<int32_t>& cardinalities) {
  for (size_t i = genome.size(); i-- > 0;) {
    if (++genome[i] < cardinalities[i]) return true;
    genome[i] = 0;
  }
  return false;
}

}  // namespace

size_t Archive::Hash::operator()(const Genome& genome) const noexcept {
  return static_cast<size_t>(
      hash64({reinterpret_cast<const char*>(genome.data()), genome.size() * sizeof(int32_t)}));
}

void Archive::restart(std::span<const Trial> told) {
  asked_.clear();
  for (const Trial& trial : told) asked_.insert(trial.genome);
}

std::optional<Genome> Archive::new_random_genome(Rng& rng) {
  for (int draw = 0; draw < kDraws; ++draw) {
    Genome genome = codec_.encode(codec_.space().sample(rng));
    if (add_genome(genome)) return genome;
  }
  return first_unasked();
}

std::optional<Genome> Archive::first_unasked() {
  const std::vector<int32_t>& cardinalities = codec_.cardinalities();
  Genome genome(cardinalities.size(), 0);
  do {
    Genome canonical = codec_.canonical(genome);
    if (add_genome(canonical)) return canonical;
  } while (advance(genome, cardinalities));
  return std::nullopt;
}

}  // namespace concertina
