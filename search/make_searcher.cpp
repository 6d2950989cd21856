#include <fmt/format.h>

#include "core/errors.h"
#include "search/searchers.h"

namespace concertina {
namespace {

void validate(const SearcherOptions& options) {
  const auto is_share = [](double x) { return x >= 0 && x <= 1; };
  if (options.population < 2)
    throw InputError(
        fmt::format("a population of {} is too small: at least 2 are needed", options.population));
  if (!is_share(options.mutation))
    throw InputError(
        fmt::format("mutation is a probability from 0 to 1, not {}", options.mutation));
  if (!is_share(options.crossover))
    throw InputError(fmt::format("crossover is a share from 0 to 1, not {}", options.crossover));
  if (options.objectives.empty()) throw InputError("a search needs at least one objective");
}

}  // namespace

Facts settings_of(const SearcherOptions& options) {
  Facts settings = {{"seed", fmt::format("{}", options.seed)},
                    {"search.searcher", std::string(enum_name(options.kind))},
                    {"search.population", fmt::format("{}", options.population)}};
  if (options.kind == SearcherKind::kNsga2) {
    settings["search.mutation"] = fmt::format("{}", options.mutation);
    settings["search.crossover"] = fmt::format("{}", options.crossover);
  }
  return settings;
}

std::unique_ptr<Searcher> make_searcher(const SearcherOptions& options, const SearchSpace& space) {
  validate(options);
  if (options.kind == SearcherKind::kNsga2) return make_nsga2(options, space);
  return make_random_searcher(options, space);
}

}  // namespace concertina
