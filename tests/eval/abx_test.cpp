#include "eval/abx.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/files.h"
#include "eval/dtw.h"

namespace concertina {
namespace {

// Made by tests/parity/golden/abx.py from the definitions.
nlohmann::json golden_abx() {
  return nlohmann::json::parse(
      read_text(std::string(CONCERTINA_SOURCE_DIR) + "/tests/eval/abx.json"));
}

TEST(TimeWarping, EqualsTheGoldenDistances) {
  for (const auto& each : golden_abx().at("warping")) {
    std::vector<float> costs;
    for (const auto& row : each.at("costs")) {
      for (const auto& cost : row) costs.push_back(cost.get<float>());
    }
    const auto rows = static_cast<int64_t>(each.at("costs").size());
    const int64_t columns = std::ssize(costs) / rows;
    const CostMatrix matrix{costs.data(), rows, columns, columns};
    EXPECT_NEAR(dtw_distance(matrix), each.at("dtw").get<double>(), 1e-12) << each;
    EXPECT_NEAR(subsequence_dtw_distance(matrix), each.at("subsequence").get<double>(), 1e-12)
        << each;
  }
}

std::vector<AbxToken> tokens_from(const nlohmann::json& rows) {
  std::vector<AbxToken> tokens;
  for (const auto& row : rows)
    tokens.push_back({.clip = std::ssize(tokens) % 5,
                      .phone = row.at("phone"),
                      .before = row.at("before"),
                      .after = row.at("after"),
                      .speaker = row.at("speaker")});
  return tokens;
}

std::vector<double> errors_of(const std::vector<AbxTriple>& triples,
                              const nlohmann::json& distance) {
  std::vector<double> errors;
  for (const AbxTriple& triple : triples) {
    const auto to = [&](int64_t token) {
      return distance.at(static_cast<size_t>(token)).at(static_cast<size_t>(triple.x)).get<int>();
    };
    const int a = to(triple.a), b = to(triple.b);
    errors.push_back(a > b ? 1 : a == b ? 0.5 : 0);
  }
  return errors;
}

constexpr int64_t kAllTriples = 1000000;

TEST(Abx, AllTriplesGiveTheGoldenErrors) {
  for (const auto& each : golden_abx().at("abx")) {
    const std::vector<AbxToken> tokens = tokens_from(each.at("tokens"));
    for (const auto& [speakers, name] :
         {std::pair(AbxSpeakers::kWithin, "within"), std::pair(AbxSpeakers::kAcross, "across")}) {
      const auto triples = draw_abx_triples(tokens, speakers, kAllTriples, Rng(1));
      EXPECT_EQ(triples.size(), each.at(name).at("triples").get<size_t>());
      EXPECT_NEAR(abx_error(triples, errors_of(triples, each.at("distance"))),
                  each.at(name).at("error").get<double>(), 1e-12)
          << name;
    }
  }
}

TEST(Abx, ASampleIsSeededHasNoRepeatsAndSharesThePairs) {
  const std::vector<AbxToken> tokens = tokens_from(golden_abx().at("abx").at(1).at("tokens"));
  const auto draw = [&](int64_t most, uint64_t seed) {
    return draw_abx_triples(tokens, AbxSpeakers::kAcross, most, Rng(seed));
  };
  const auto named = [](const std::vector<AbxTriple>& triples) {
    std::set<std::array<int64_t, 3>> names;
    for (const AbxTriple& triple : triples) names.insert({triple.a, triple.b, triple.x});
    return names;
  };
  const size_t all = draw(kAllTriples, 1).size();
  const auto some = draw(30, 1);
  ASSERT_EQ(some.size(), 30u);
  ASSERT_GT(all, 60u);
  EXPECT_EQ(named(some).size(), some.size());
  EXPECT_EQ(named(some), named(draw(30, 1)));
  EXPECT_NE(named(some), named(draw(30, 2)));
  std::map<int64_t, int64_t> of_pair;
  for (const AbxTriple& triple : some) ++of_pair[triple.pair];
  EXPECT_EQ(of_pair.size(), 6u);  // ordered pairs of three phones
  for (const auto& [pair, count] : of_pair) EXPECT_EQ(count, 5) << pair;
}

TEST(Abx, BootstrapHoldsTheErrorAndIsSeeded) {
  const nlohmann::json golden = golden_abx().at("abx").at(1);
  const std::vector<AbxToken> tokens = tokens_from(golden.at("tokens"));
  const auto triples = draw_abx_triples(tokens, AbxSpeakers::kWithin, kAllTriples, Rng(1));
  const std::vector<double> errors = errors_of(triples, golden.at("distance"));
  const Interval interval = bootstrap_abx(tokens, triples, errors, Rng(3));
  EXPECT_LT(interval.low, abx_error(triples, errors));
  EXPECT_GT(interval.high, abx_error(triples, errors));
  EXPECT_EQ(interval.low, bootstrap_abx(tokens, triples, errors, Rng(3)).low);
  const std::vector<double> right(errors.size(), 0.0);
  EXPECT_EQ(bootstrap_abx(tokens, triples, right, Rng(3)).low, 0);
}

TEST(Abx, WithoutATripleTheErrorIsChance) { EXPECT_EQ(abx_error({}, {}), 0.5); }

}  // namespace
}  // namespace concertina
