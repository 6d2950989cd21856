// What a sort does to the distillation loss of subnets.
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

// Of the named members and of random ones. `objective`: the file of the heads trained with
// `before`; `sorted` has them in the new order.
std::vector<SortComparison> compare_sorted(const Supernet& before, const SortResult& sorted,
                                           const Supernet& teacher,
                                           const std::filesystem::path& objective,
                                           const Manifest& manifest);

}  // namespace concertina
