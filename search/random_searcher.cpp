#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "search/archive.h"
#include "search/searchers.h"

namespace concertina {
namespace {

using Json = nlohmann::json;

class RandomSearcher : public Searcher {
 public:
  RandomSearcher(const SearcherOptions& options, const SearchSpace& space)
      : options_(options), archive_(space), rng_(Rng(options.seed).fork("random search")) {}

  std::vector<Genome> ask(int64_t count) override {
    std::vector<Genome> genomes;
    while (static_cast<int64_t>(genomes.size()) < count) {
      auto genome = archive_.new_random_genome(rng_);
      if (!genome) break;
      genomes.push_back(std::move(*genome));
    }
    return genomes;
  }

  void tell(std::span<const Trial> trials) override {
    for (const Trial& trial : trials) archive_.add_genome(trial.genome);
  }
  int64_t batch_size() const override { return options_.population; }
  Facts settings() const override { return settings_of(options_); }
  std::string save_state() const override {
    return Json{{"searcher", "random"}, {"rng", rng_.save_state()}}.dump();
  }

  void restore_state(std::string_view state, std::span<const Trial> told) override {
    const Json json = Json::parse(state, nullptr, false);
    if (!json.is_object() || json.value("searcher", "") != "random" || !json.contains("rng")) {
      throw InputError(
          "the study's search state is not that of a random search: resume it with the searcher it "
          "began with");
    }
    rng_ = Rng::from_state(json["rng"].get<std::string>());
    archive_.restart(told);
  }

 private:
  SearcherOptions options_;
  Archive archive_;
  Rng rng_;
};

}  // namespace

std::unique_ptr<Searcher> make_random_searcher(const SearcherOptions& options,
                                               const SearchSpace& space) {
  return std::make_unique<RandomSearcher>(options, space);
}

}  // namespace concertina
