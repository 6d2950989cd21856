// The distillation loss of subnets before and after the importance sort.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "distill/importance/sort.h"
#include "speech/manifest.h"
#include "supernet/model/supernet.h"

namespace concertina {

// distill.l1 on dev of one member, or the mean of random ones.
struct SortComparison {
  std::string name, architecture;
  double before = 0, after = 0;
};

// Of smallest, default and largest, and of random members. `objective`: the file of the prediction
// heads trained with `before`; `sorted` has them in the new order.
std::vector<SortComparison> compare_sorted(const Supernet& before, const SortResult& sorted,
                                           const Supernet& teacher,
                                           const std::filesystem::path& objective,
                                           const Manifest& manifest);

}  // namespace concertina
