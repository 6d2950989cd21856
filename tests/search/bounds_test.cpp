#include <gmock/gmock.h>
#include <sqlite3.h>

#include "search/run_study.h"
#include "study/hypervolume.h"
#include "tests/search/formulas.h"

namespace concertina {
namespace {

using ::testing::ElementsAre;

StudyHeader run(const std::filesystem::path& path, uint64_t seed, int64_t trials,
                const std::string& kind = "nsga2") {
  SearcherOptions options;
  options.kind = enum_from_name<SearcherKind>("searcher", kind);
  options.population = 12;
  options.objectives = formula_objectives();
  options.seed = seed;
  StudyFile study = std::filesystem::exists(path) ? StudyFile::open(path)
                                                  : StudyFile::create(path, formula_header());
  const SearchSpace space = pocket_space();
  run_study(space, *make_searcher(options, space), FormulaEvaluator(), *make_tbb_executor(1), study,
            {trials}, {});
  return study.header();
}

// The hypervolume of a study's trials within the given bounds.
double volume_in(const std::filesystem::path& path, const ObjectiveBounds& loss,
                 const ObjectiveBounds& macs) {
  std::vector<ObjectivePoint> points;
  for (const Trial& t : StudyFile::open_read_only(path).trials()) {
    points.push_back({(t.values.at("loss") - loss.low) / (loss.high - loss.low),
                      (t.values.at("macs") - macs.low) / (macs.high - macs.low)});
  }
  return hypervolume(points, {1.1, 1.1});
}

TEST(Bounds, AreTheSameForEverySeedSoThatHypervolumesCompare) {
  const Folder folder;
  const StudyHeader one = run(folder / "1.db", 1, 36), two = run(folder / "2.db", 2, 36);
  const SearchSpace space = pocket_space();
  const auto known = [&](const Architecture& a) {
    return FormulaEvaluator().known_values(a).at("macs");
  };
  const ObjectiveBounds loss{"loss", formula_loss(space.largest()), formula_loss(space.smallest())};
  const ObjectiveBounds macs{"macs", known(space.smallest()), known(space.largest())};
  EXPECT_THAT(one.bounds, ElementsAre(loss, macs));
  EXPECT_EQ(one.bounds, two.bounds);
  for (const char* name : {"1.db", "2.db"}) {
    const double stored = StudyFile::open_read_only(folder / name).last_generation()->hypervolume;
    EXPECT_NEAR(stored, volume_in(folder / name, loss, macs), 1e-12) << name;
  }
}

TEST(Bounds, MetricsKnownWithoutScoringNeedNoTrials) {
  const Folder folder;
  const StudyHeader header = run(folder / "s.db", 1, 24, "random");
  const SearchSpace space = pocket_space();
  ASSERT_EQ(header.bounds.size(), 2u);
  EXPECT_EQ(header.bounds[1].high, FormulaEvaluator().known_values(space.largest()).at("macs"));
}

TEST(Bounds, TheReferencePointLiesATenthBeyondTheWorse) {
  StudyHeader header;
  header.objectives = {find_metric("distill.l1")->info(), find_metric("sid.acc")->info()};
  header.bounds = {{"distill.l1", 0.5, 1.5}, {"sid.acc", 0, 100}};
  EXPECT_THAT(reference_point(header), ElementsAre(std::pair(std::string("distill.l1"), 1.6),
                                                   std::pair(std::string("sid.acc"), -10.0)));
}

TEST(Bounds, AnOlderStudyKeepsTheBoundsOfItsFirstGeneration) {
  const Folder folder;
  run(folder / "s.db", 1, 24);
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((folder / "s.db").c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "DELETE FROM objective_bound", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  const StudyHeader header = run(folder / "s.db", 1, 48);
  double low = 1e9, high = 0;
  for (const Trial& t : StudyFile::open_read_only(folder / "s.db").trials()) {
    if (t.generation > 0) continue;
    low = std::min(low, t.values.at("macs")), high = std::max(high, t.values.at("macs"));
  }
  ASSERT_EQ(header.bounds.size(), 2u);
  EXPECT_EQ(header.bounds[1], (ObjectiveBounds{"macs", low, high}));
}

}  // namespace
}  // namespace concertina
