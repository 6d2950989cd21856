// Changes the places of a model's units, so that slicing, which keeps the first ones, keeps the
// most important ones. The full network computes the same up to rounding, its output channels in
// their new order.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "supernet/model/supernet.h"
#include "supernet/space/unit_axes.h"

namespace concertina {

using UnitScores = std::map<UnitGroup, std::vector<double>>;   // importance of each unit
using UnitOrders = std::map<UnitGroup, std::vector<int64_t>>;  // place -> unit that comes there

// The best units at the places that slicing keeps most often (places_by_use). Embedding channels
// stay in their group of the positional conv, best first; where groups are blocks of neighbours the
// blocks change places too, best sum first. Groups without scores keep their order. A bug unless
// every group has as many scores as units.
UnitOrders order_by(const SearchSpace& space, const UnitScores& scores);

// The same network with its units in another order. InputError for a tensor with ties that are not
// known (see unit_axes).
Supernet reorder(const Supernet& model, const UnitOrders& orders);

// The same network with its embedding channels where a positional conv with or without interleaved
// groups has them: conv groups keep their members. Its states are the model's in another order.
// InputError where embedding channels are tied.
Supernet with_interleaving(const Supernet& model, bool interleaved);

// One dimension of any tensor, `block` entries a unit.
at::Tensor reorder(const at::Tensor& tensor, int64_t dim, const std::vector<int64_t>& order,
                   int64_t block = 1);

// L2 norm of the matrices that write a unit and of those that read it: needs no data.
UnitScores magnitude_scores(const Supernet& model);

}  // namespace concertina
