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
                    {"search.searcher", options.kind},
                    {"search.population", fmt::format("{}", options.population)}};
  if (options.kind == "nsga2") {
    settings["search.mutation"] = fmt::format("{}", options.mutation);
    settings["search.crossover"] = fmt::format("{}", options.crossover);
  }
  return settings;
}

std::unique_ptr<Searcher> make_searcher(const SearcherOptions& options, const SearchSpace& space) {
  validate(options);
  if (options.kind == "nsga2") return make_nsga2(options, space);
  if (options.kind == "random") return make_random_searcher(options, space);
  const std::vector<std::string> kinds = {"nsga2", "random"};
  throw InputError(fmt::format("unknown searcher '{}'{}: one of nsga2, random", options.kind,
                               did_you_mean(options.kind, kinds)));
}

}  // namespace concertina
