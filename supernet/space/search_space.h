// The members that one supernet offers: the choices of each dimension, and the stored tensors that
// every member is sliced from.
//
//   SearchSpace space = load_search_space("configs/spaces/pocket.yaml");
//   Architecture a = space.sample(rng);
//   space.contains(a)
//
// Immutable once made, so safe to read from many threads. Reading and writing:
// search_space_config.h; names and keys of members: resolve.h; why an architecture is no member:
// violations.h; members as lists of integers: genome.h.
#pragma once

#include <optional>
#include <string>

#include "core/rng.h"
#include "supernet/space/architecture.h"
#include "supernet/space/blueprint.h"
#include "supernet/space/space_choices.h"
#include "supernet/space/storage.h"

namespace concertina {

class SearchSpace {
 public:
  SearchSpace() = default;
  // The choices are sorted (space_choices.h). `stored`: the shape of the supernet's tensors where
  // it is larger than the choices. InputError lists all violations.
  SearchSpace(Blueprint blueprint, SpaceChoices choices, SpaceDefault default_values = {},
              SlicingRule rule = SlicingRule::kPrefix,
              std::optional<Architecture> stored = std::nullopt);
  // A space with one member, all that is stored: a teacher, an extracted subnet. InputError when
  // the storage does not fit the blueprint.
  static SearchSpace single(const Blueprint& blueprint, const Storage& storage);

  const Blueprint& blueprint() const { return blueprint_; }
  const SpaceChoices& choices() const { return choices_; }
  const SpaceDefault& default_values() const { return default_; }
  SlicingRule rule() const { return rule_; }
  // As given to the constructor; storage() is the one to read.
  const std::optional<Architecture>& stored() const { return stored_; }
  // Of a space made by single(); its genome is empty.
  const std::optional<Architecture>& only_member() const { return only_; }
  // Its shape has the longest frame period: the rate unit is stored as soon as any member has it.
  Storage storage() const;

  std::string size() const;  // exact count of distinct members, decimal digits
  Architecture smallest() const;
  Architecture largest() const;  // the largest member, at the shortest frame period
  // The network of all stored weights, at the shortest frame period: largest(), or no member where
  // the storage is larger than the choices.
  Architecture whole() const;
  Architecture default_architecture() const;
  // Uniform per choice, depth first; not uniform over members.
  Architecture sample(Rng& rng) const;
  bool contains(const Architecture& architecture) const;

 private:
  Architecture uniform(SpaceDefault values) const;

  Blueprint blueprint_;
  SpaceChoices choices_;
  SpaceDefault default_;
  SlicingRule rule_ = SlicingRule::kPrefix;
  std::optional<Architecture> stored_;
  std::optional<Architecture> only_;
};

}  // namespace concertina
