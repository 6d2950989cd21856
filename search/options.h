// How architectures are proposed.
#pragma once

#include <cstdint>
#include <vector>

#include "core/enum_names.h"
#include "study/metric.h"

namespace concertina {

enum class SearcherKind { kNsga2, kRandom };
template <>
inline constexpr auto kEnumNames<SearcherKind> = name_table("nsga2", "random");

struct SearcherOptions {
  SearcherKind kind = SearcherKind::kNsga2;
  int64_t population = 40;
  double mutation = 0.1;   // per gene
  double crossover = 0.9;  // share of children with two parents
  std::vector<MetricInfo> objectives;
  uint64_t seed = 0;
};

}  // namespace concertina
