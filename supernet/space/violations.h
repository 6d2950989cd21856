// Does an architecture fit? Into a blueprint, into the stored tensors, into a search space; and do
// the choices of a space fit together.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "supernet/space/architecture.h"
#include "supernet/space/blueprint.h"
#include "supernet/space/space_choices.h"
#include "supernet/space/storage.h"

namespace concertina {

class SearchSpace;

// What does not fit, and why.
struct Violation {
  std::string key;           // of a space file: "embed_dim", "depth.keep"
  std::string value;         // "e=100"; empty where the reason says it all
  std::string reason;        // "it must be a multiple of 16"
  std::string text() const;  // "e=100: it must be a multiple of 16"
};

// Why layers of the blueprint cannot have linear attention; empty: they can.
std::string no_linear_attention(const Blueprint& blueprint);

// The first violation, nothing when the architecture fits.
// Blueprint: one width for each conv layer, none for log-mel; the kinds of attention that it allows.
std::optional<Violation> find_violation(const Blueprint& blueprint,
                                        const Architecture& architecture);
// Storage: whether the architecture can be sliced from it.
std::optional<Violation> find_violation(const Blueprint& blueprint, const Storage& storage,
                                        const Architecture& architecture);
// Space: whether the architecture is a member. The reason names the nearest choice.
std::optional<Violation> find_violation(const SearchSpace& space, const Architecture& architecture);

// All violations. Of the lists alone: empty, out of range, not of the blueprint's front end.
std::vector<Violation> find_violations(const Blueprint& blueprint, const SpaceChoices& choices,
                                       const SpaceDefault& default_values);
// Of valid choices: members that cannot be sliced from the storage.
std::vector<Violation> find_violations(const Blueprint& blueprint, const SpaceChoices& choices,
                                       const Storage& storage);

// InputError with the architecture's key and the violation.
void check_fit(const Blueprint& blueprint, const Architecture& architecture);
void check_fit(const Blueprint& blueprint, const Storage& storage,
               const Architecture& architecture);
void check_fit(const SearchSpace& space, const Architecture& architecture);

}  // namespace concertina
