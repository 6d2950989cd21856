#include "study/budget.h"

#include <fmt/format.h>

#include "core/errors.h"

namespace concertina {

Bound bound_of(const StudyHeader& header, const Budget& budget) {
  if (budget.bound) return *budget.bound;
  const auto metric = metric_info(header, budget.metric);
  if (!metric) {
    throw InputError(
        fmt::format("it is not known whether a low or a high '{0}' is better: "
                    "write {0}<=LIMIT or {0}>=LIMIT",
                    budget.metric));
  }
  return metric->direction == Direction::kMinimise ? Bound::kAtMost : Bound::kAtLeast;
}

}  // namespace concertina
