#include "speech/abx.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "core/files.h"
#include "speech/dtw.h"

namespace concertina {
namespace {

// Made by tests/parity/golden/abx.py from the definitions.
nlohmann::json golden_abx(const char* section) {
  return nlohmann::json::parse(
             read_text(std::string(CONCERTINA_SOURCE_DIR) + "/tests/speech/abx.json"))
      .at(section);
}

TEST(TimeWarping, EqualsTheGoldenDistances) {
  for (const auto& each : golden_abx("warping")) {
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
  for (const auto& each : golden_abx("abx")) {
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
  const std::vector<AbxToken> tokens = tokens_from(golden_abx("abx").at(1).at("tokens"));
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

TEST(Abx, TokensAreBetweenTwoOthersNoPausesAndEndInTime) {
  const std::vector<double> ends_s = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6};
  const std::vector<int64_t> labels = {0, 1, 2, 0, 1, 2};
  std::vector<AbxToken> tokens;
  add_abx_tokens({ends_s, labels, {0}}, {.clip = 7, .speaker = 3}, 0.6, tokens);
  ASSERT_EQ(tokens.size(), 3u);  // not the pauses, and not the last
  EXPECT_EQ(tokens[0].phone, 1);
  EXPECT_EQ(tokens[1].phone, 2);
  EXPECT_EQ(tokens[2].phone, 1);
  EXPECT_EQ(tokens[2].start_s, 0.4);
  EXPECT_EQ(tokens[2].end_s, 0.5);
  EXPECT_EQ(tokens[2].before, 0);
  EXPECT_EQ(tokens[2].after, 2);
  EXPECT_EQ(tokens[2].clip, 7);
  EXPECT_EQ(tokens[2].speaker, 3);
  add_abx_tokens({ends_s, labels, {0}}, {}, 0.45, tokens);
  EXPECT_EQ(tokens.size(), 5u);
}

TEST(Abx, FramesOfATokenHaveTheirCentresInIt) {
  const FrameTimes times{.centre_s = 0.01, .period_s = 0.02, .frames = 5};
  const auto range = [&](double start_s, double end_s) {
    const FrameRange found = token_frames({.start_s = start_s, .end_s = end_s}, times);
    return std::pair(found.first, found.count);
  };
  EXPECT_EQ(range(0.04, 0.08), std::pair(int64_t{2}, int64_t{2}));
  EXPECT_EQ(range(0.012, 0.055), std::pair(int64_t{1}, int64_t{2}));
  EXPECT_EQ(range(0.052, 0.066), std::pair(int64_t{2}, int64_t{1}));  // none: the nearest
  EXPECT_EQ(range(0.08, 0.3), std::pair(int64_t{4}, int64_t{1}));
  EXPECT_EQ(range(0.2, 0.3), std::pair(int64_t{4}, int64_t{1}));  // after the end
}

TEST(Abx, WithoutATripleTheErrorIsChance) { EXPECT_EQ(abx_error({}, {}), 0.5); }

}  // namespace
}  // namespace concertina
