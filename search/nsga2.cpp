#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "core/errors.h"
#include "search/archive.h"
#include "search/searchers.h"
#include "study/pareto.h"

namespace concertina {
namespace {

using Json = nlohmann::json;

constexpr int kChildDraws = 32;  // a space that is nearly exhausted gives few new children

struct Member {
  int64_t number = 0;
  Genome genome;
  ObjectivePoint point;
  int32_t rank = 0;
  double crowding = 0;
};

bool fitter(const Member& a, const Member& b) {
  return std::tuple(a.rank, -a.crowding, a.number) < std::tuple(b.rank, -b.crowding, b.number);
}

void assign_ranks(std::vector<Member>& members) {
  std::vector<ObjectivePoint> points;
  for (const Member& m : members) points.push_back(m.point);
  const std::vector<int32_t> ranks = non_dominated_sort(points);
  const int32_t fronts = ranks.empty() ? 0 : *std::max_element(ranks.begin(), ranks.end()) + 1;
  for (int32_t front = 0; front < fronts; ++front) {
    std::vector<size_t> at;
    std::vector<ObjectivePoint> of;
    for (size_t i = 0; i < members.size(); ++i)
      if (ranks[i] == front) at.push_back(i), of.push_back(points[i]);
    const std::vector<double> crowding = crowding_distance(of);
    for (size_t k = 0; k < at.size(); ++k)
      members[at[k]].rank = front, members[at[k]].crowding = crowding[k];
  }
}

class Nsga2 : public Searcher {
 public:
  Nsga2(const SearcherOptions& options, const SearchSpace& space)
      : options_(options), codec_(space), archive_(space), rng_(Rng(options.seed).fork("nsga2")) {}

  std::vector<Genome> ask(int64_t count) override {
    std::vector<Genome> genomes;
    if (archive_.empty()) add_reference_members(genomes, count);
    while (static_cast<int64_t>(genomes.size()) < count) {
      auto genome = breed();
      if (!genome) genome = archive_.new_random_genome(rng_);
      if (!genome) break;
      genomes.push_back(std::move(*genome));
    }
    return genomes;
  }

  void tell(std::span<const Trial> trials) override {
    for (const Trial& trial : trials) {
      archive_.add_genome(trial.genome);
      if (trial.state == TrialState::kComplete) population_.push_back(member(trial));
    }
    select_survivors();
  }

  int64_t batch_size() const override { return options_.population; }
  Facts settings() const override { return settings_of(options_); }

  std::string save_state() const override {
    std::vector<int64_t> numbers;
    for (const Member& m : population_) numbers.push_back(m.number);
    return Json{{"searcher", "nsga2"}, {"rng", rng_.save_state()}, {"population", numbers}}.dump();
  }

  void restore_state(std::string_view state, std::span<const Trial> told) override {
    const Json json = Json::parse(state, nullptr, false);
    if (!json.is_object() || json.value("searcher", "") != "nsga2" || !json.contains("rng") ||
        !json.contains("population")) {
      throw InputError(
          "the study's search state is not that of nsga2: resume it with the searcher that began "
          "it");
    }
    rng_ = Rng::from_state(json["rng"].get<std::string>());
    archive_.restart(told);
    const auto numbers = json["population"].get<std::vector<int64_t>>();
    population_.clear();
    for (const Trial& trial : told) {
      if (std::find(numbers.begin(), numbers.end(), trial.number) != numbers.end())
        population_.push_back(member(trial));
    }
    if (population_.size() != numbers.size())
      throw InputError("the study's search state names trials that are missing");
    assign_ranks(population_);
  }

 private:
  Member member(const Trial& trial) const {
    return {trial.number, trial.genome, objective_point(trial.values, options_.objectives)};
  }

  void add_reference_members(std::vector<Genome>& genomes, int64_t count) {
    const SearchSpace& space = codec_.space();
    for (const Architecture& member :
         {space.smallest(), space.largest(), space.default_architecture()}) {
      if (static_cast<int64_t>(genomes.size()) >= count || !space.contains(member)) continue;
      Genome genome = codec_.encode(member);
      if (archive_.add_genome(genome)) genomes.push_back(std::move(genome));
    }
  }

  std::optional<Genome> breed() {
    for (int draw = 0; draw < kChildDraws && !population_.empty(); ++draw) {
      Genome genome = child();
      if (archive_.add_genome(genome)) return genome;
    }
    return std::nullopt;
  }

  Genome child() {
    const Genome& first = tournament().genome;
    const Genome crossed =
        rng_.chance(options_.crossover) ? codec_.cross(first, tournament().genome, rng_) : first;
    return codec_.canonical(codec_.mutate(crossed, options_.mutation, rng_));
  }

  const Member& tournament() {
    const std::span<const Member> members(population_);
    const Member& a = rng_.pick(members);
    const Member& b = rng_.pick(members);
    return fitter(a, b) ? a : b;
  }

  // Ranks are recomputed among the survivors, so that a restored population has the same ones.
  void select_survivors() {
    const auto size = static_cast<size_t>(options_.population);
    if (population_.size() > size) {
      assign_ranks(population_);
      std::sort(population_.begin(), population_.end(), fitter);
      population_.resize(size);
    }
    std::sort(population_.begin(), population_.end(),
              [](const Member& a, const Member& b) { return a.number < b.number; });
    assign_ranks(population_);
  }

  SearcherOptions options_;
  GenomeCodec codec_;
  Archive archive_;
  Rng rng_;
  std::vector<Member> population_;  // by number
};

}  // namespace

std::unique_ptr<Searcher> make_nsga2(const SearcherOptions& options, const SearchSpace& space) {
  return std::make_unique<Nsga2>(options, space);
}

}  // namespace concertina
