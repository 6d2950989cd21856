// Permutes a model's prunable units so that slicing, which keeps the first ones, keeps the most
// important ones. The full network computes the same up to rounding, with its output channels
// permuted.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "supernet/model/supernet.h"
#include "supernet/space/unit_axes.h"

namespace concertina {

using UnitScores = std::map<UnitGroup, std::vector<double>>;   // importance of each unit
using UnitOrders = std::map<UnitGroup, std::vector<int64_t>>;  // new position -> unit

// The most important units at the positions that slicing keeps most often (positions_by_use).
// Embedding channels stay in their group of the positional conv, most important first; where groups
// are contiguous the groups are sorted too, by their sums. Groups without scores keep their order.
// logic_error unless every group has as many scores as units.
UnitOrders order_by(const SearchSpace& space, const UnitScores& scores);

// The same network with its units permuted, without a unit head. InputError for a tensor that is not in the table (see
// unit_axes).
Supernet reorder(const Supernet& model, const UnitOrders& orders);

// The same network with its embedding channels permuted to the order of a positional conv with or
// without interleaved groups: conv groups keep their members. Its hidden states are permuted, too, and a
// unit head is left out.
// InputError where embedding channels are tied.
Supernet with_interleaving(const Supernet& model, bool interleaved);

// Permutes one dimension of any tensor, `block` entries a unit.
at::Tensor reorder(const at::Tensor& tensor, int64_t dim, const std::vector<int64_t>& order,
                   int64_t block = 1);

// L2 norm of all matrices whose inputs or outputs are the unit: needs no data.
UnitScores magnitude_scores(const Supernet& model);

}  // namespace concertina
