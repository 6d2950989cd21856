#include "search/searcher.h"

#include <gmock/gmock.h>

#include <set>

#include "core/errors.h"
#include "study/hypervolume.h"
#include "tests/search/formulas.h"

namespace concertina {
namespace {

using ::testing::HasSubstr;

SearcherOptions options_of(const std::string& kind, uint64_t seed = 1) {
  SearcherOptions options;
  options.kind = enum_from_name<SearcherKind>("searcher", kind);
  options.population = 20;
  options.objectives = formula_objectives();
  options.seed = seed;
  return options;
}

std::vector<Trial> score(const SearchSpace& space, const std::vector<Genome>& genomes,
                         int64_t first) {
  FormulaEvaluator evaluator;
  const GenomeCodec codec(space);
  std::vector<Proposal> proposals;
  for (const Genome& genome : genomes) proposals.push_back({first++, codec.decode(genome), genome});
  std::vector<Trial> trials;
  for (const Evaluation& e : evaluator.run({proposals}, {})) {
    const Proposal& proposal = proposals[trials.size()];
    Trial trial;
    trial.number = e.number;
    trial.architecture = proposal.architecture;
    trial.genome = proposal.genome;
    trial.values = e.values;
    trials.push_back(trial);
  }
  return trials;
}

std::vector<Trial> search(Searcher& searcher, const SearchSpace& space, int64_t count,
                          std::vector<Trial> trials = {}) {
  while (static_cast<int64_t>(trials.size()) < count) {
    const auto genomes = searcher.ask(searcher.batch_size());
    if (genomes.empty()) break;
    const auto scored = score(space, genomes, static_cast<int64_t>(trials.size()));
    searcher.tell(scored);
    trials.insert(trials.end(), scored.begin(), scored.end());
  }
  return trials;
}

double volume_of(const std::vector<Trial>& trials) {
  std::vector<ObjectivePoint> points;
  for (const Trial& trial : trials) {
    ObjectivePoint p = objective_point(trial.values, formula_objectives());
    p[1] /= 5e8;
    points.push_back(p);
  }
  return hypervolume(points, {1, 1});
}

class EverySearcher : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Kinds, EverySearcher, ::testing::Values("nsga2", "random"),
                         [](const auto& kind) { return kind.param; });

TEST_P(EverySearcher, NeverAsksTwice) {
  const SearchSpace space = pocket_space();
  const auto searcher = make_searcher(options_of(GetParam()), space);
  const GenomeCodec codec(space);
  std::set<Genome> seen;
  for (const Trial& trial : search(*searcher, space, 300)) {
    EXPECT_TRUE(seen.insert(trial.genome).second);
    EXPECT_EQ(codec.canonical(trial.genome), trial.genome);
  }
  EXPECT_EQ(seen.size(), 300u);
}

TEST_P(EverySearcher, ExhaustsASmallSpaceAndStops) {
  const SearchSpace space = tiny_space();
  const auto searcher = make_searcher(options_of(GetParam()), space);
  EXPECT_EQ(std::to_string(search(*searcher, space, 1000).size()), space.size());
}

TEST_P(EverySearcher, ARestoredSearcherContinuesIdentically) {
  const SearchSpace space = pocket_space();
  const auto whole = make_searcher(options_of(GetParam()), space);
  const auto told = search(*whole, space, 100);
  const auto resumed = make_searcher(options_of(GetParam(), 999), space);
  resumed->restore_state(whole->save_state(), told);
  EXPECT_EQ(resumed->save_state(), whole->save_state());
  const auto a = search(*whole, space, 160, told), b = search(*resumed, space, 160, told);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].genome, b[i].genome);
  EXPECT_EQ(resumed->save_state(), whole->save_state());
}

TEST_P(EverySearcher, RefusesAForeignState) {
  const auto searcher = make_searcher(options_of(GetParam()), pocket_space());
  for (const char* state : {"", "[]", "{}", R"({"searcher":"other","rng":"","population":[]})"}) {
    EXPECT_THROW(searcher->restore_state(state, {}), InputError);
  }
}

TEST(Nsga2, FirstAskHoldsSmallestLargestAndDefault) {
  const SearchSpace space = pocket_space();
  const GenomeCodec codec(space);
  const auto genomes = make_searcher(options_of("nsga2"), space)->ask(20);
  EXPECT_EQ(codec.decode(genomes[0]), space.smallest());
  EXPECT_EQ(codec.decode(genomes[1]), space.largest());
  EXPECT_EQ(codec.decode(genomes[2]), space.default_architecture());
}

TEST(Nsga2, BeatsRandomSearchOnEverySeed) {
  const SearchSpace space = pocket_space();
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const auto evolved = search(*make_searcher(options_of("nsga2", seed), space), space, 200);
    const auto random = search(*make_searcher(options_of("random", seed), space), space, 200);
    EXPECT_GT(volume_of(evolved), volume_of(random)) << seed;
  }
}

TEST(MakeSearcher, NamesWhatIsWrong) {
  const auto message = [](const SearcherOptions& options) {
    try {
      make_searcher(options, pocket_space());
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  SearcherOptions options = options_of("nsga2");
  options.mutation = 1.5;
  EXPECT_THAT(message(options), HasSubstr("mutation"));
}

}  // namespace
}  // namespace concertina
