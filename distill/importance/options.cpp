#include "distill/importance/options.h"

#include <utility>

#include "core/option_table.h"

namespace concertina {

const OptionTable<SortOptions>& sort_table() {
  using O = SortOptions;
  static const OptionTable<O> table = {
      option("score", &O::score, "importance of heads, FFN neurons and channels"),
      option("seconds", &O::seconds, "training audio on which scores are computed")
          .within(kSortSeconds)
          .unit("s"),
  };
  return table;
}

SortOptions SortOptions::from_config(ConfigSection section) {
  SortOptions options;
  sort_table().read(std::move(section), options);
  return options;
}

}  // namespace concertina
