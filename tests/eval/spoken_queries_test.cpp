#include "eval/spoken_queries.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "eval/words.h"

namespace concertina {
namespace {

using Words = std::vector<std::string>;

TEST(Words, AreLowerCaseLettersDigitsAndInnerApostrophes) {
  EXPECT_EQ(words_of("Don't you DARE, Joe!"), (Words{"don't", "you", "dare", "joe"}));
  EXPECT_EQ(words_of("  'Tis the 'end' -- no. 2..."), (Words{"tis", "the", "end", "no", "2"}));
  EXPECT_EQ(words_of("I\u2019m \u201Chere\u201D\u2026"), (Words{"i'm", "here"}));
  EXPECT_EQ(words_of("Ёлка, Чай"), (Words{"ёлка", "чай"}));
  EXPECT_EQ(words_of("ÉCOLE Žena ŁÓDŹ"), (Words{"école", "žena", "łódź"}));
  EXPECT_EQ(words_of("¿Qué?"), (Words{"qué"}));
  EXPECT_TRUE(words_of("...\xFF\xC3").empty());
}

TEST(Words, CodePointsComeBackAsTheSameText) {
  for (const std::string text : {"plain", "Ёлка é", "\U0001F600 \u20AC"})
    EXPECT_EQ(utf8_of(code_points(text)), text);
  EXPECT_EQ(code_points("a\xE2\x82"), (std::u32string{U'a', 0xFFFD, 0xFFFD}));
}

// Made by tests/parity/golden/term_weighted.py from the definition.
TEST(MaxTermWeightedValue, EqualsTheGoldenOnes) {
  const auto golden = nlohmann::json::parse(
      read_text(std::string(CONCERTINA_SOURCE_DIR) + "/tests/eval/term_weighted.json"));
  ASSERT_EQ(golden.size(), 4u);
  for (const auto& each : golden) {
    std::vector<SearchTrial> trials;
    for (const auto& row : each.at("trials"))
      trials.push_back({row.at(0).get<int64_t>(), row.at(1).get<bool>(), row.at(2).get<double>()});
    for (const auto& cost : each.at("mtwv")) {
      const double value = max_term_weighted_value(
          trials, {cost.at("p_target"), cost.at("c_miss"), cost.at("c_false_alarm")});
      EXPECT_NEAR(value, cost.at("value").get<double>(), 1e-12) << cost;
    }
    EXPECT_EQ(max_term_weighted_value(trials),
              max_term_weighted_value(trials, {.p_target = 0.0008, .c_miss = 100}));
    const Interval interval = bootstrap_term_weighted_value(trials, Rng(1));
    EXPECT_LE(interval.low, max_term_weighted_value(trials));
    EXPECT_GE(interval.high, max_term_weighted_value(trials));
  }
}

TEST(MaxTermWeightedValue, KnownValues) {
  EXPECT_EQ(max_term_weighted_value({}), 0);
  const std::vector<SearchTrial> no_target = {{0, false, 1}, {0, false, 2}};
  EXPECT_EQ(max_term_weighted_value(no_target), 0);
  const std::vector<SearchTrial> perfect = {{0, true, 2}, {0, false, 1}, {1, true, 3}};
  EXPECT_EQ(max_term_weighted_value(perfect), 1);
  const std::vector<SearchTrial> reversed = {{0, true, 1}, {0, false, 2}};
  EXPECT_EQ(max_term_weighted_value(reversed), 0);
}

struct QueryManifest {
  Manifest manifest;
  void add(const std::string& text, const std::string& group, Split split = Split::kTest) {
    Clip clip;
    clip.id = fmt::format("{}", manifest.clips.size());
    clip.samples = 16000;
    clip.text = text;
    clip.source = "game";
    clip.group = group;
    clip.split = split;
    manifest.clips.push_back(clip);
  }
  // What each query says, and what the documents that hold it say.
  std::vector<std::pair<std::string, std::vector<std::string>>> picked(int64_t queries,
                                                                       int64_t documents) const {
    const QuerySet set = pick_queries(manifest, {}, Split::kTest, queries, documents);
    const auto says = [&](int64_t clip) { return manifest.clips[static_cast<size_t>(clip)].text; };
    std::vector<std::pair<std::string, std::vector<std::string>>> found;
    for (size_t q = 0; q < set.queries.size(); ++q) {
      auto& [query, holding] = found.emplace_back(says(set.queries[q]), Words{});
      for (const auto& [document, target] : set.searches[q]) {
        if (target) holding.push_back(says(set.documents[static_cast<size_t>(document)]));
      }
    }
    std::ranges::sort(found);
    return found;
  }
};

TEST(SpokenQueries, ADocumentHoldsTheWordsInOrderAndIsOfAnotherGroup) {
  QueryManifest texts;
  texts.add("No way.", "a");
  texts.add("no way", "a");
  texts.add("There is no way out", "b");
  texts.add("No, way out", "c");
  texts.add("Way, no!", "d");
  texts.add("Go away now please", "d");
  texts.add("they go away now please and wait", "e", Split::kDev);
  using Holding = std::pair<std::string, std::vector<std::string>>;
  const std::vector<std::string> holding = {"There is no way out", "No, way out"};
  EXPECT_EQ(texts.picked(9, 9),
            (std::vector<Holding>{
                {"No way.", holding}, {"No, way out", {holding[0]}}, {"no way", holding}}));
  EXPECT_EQ(texts.picked(1, 9).size(), 1u);
  // Those that hold a query are taken first.
  const QuerySet set = pick_queries(texts.manifest, {}, Split::kTest, 9, 4);
  EXPECT_EQ(set.documents, (std::vector<int64_t>{0, 1, 2, 3}));
  for (size_t q = 0; q < set.queries.size(); ++q)
    EXPECT_EQ(set.searches[q].size(), set.queries[q] == 3 ? 3u : 2u) << "of other groups";
}

TEST(SpokenQueries, EachPhraseIsAQueryBeforeASecondClipOfAny) {
  QueryManifest texts;
  for (const char* group : {"a", "b", "c", "d"}) texts.add("yes", group);
  for (const char* group : {"a", "b"}) texts.add("thank you", group);
  for (const char* group : {"a", "b"}) texts.add("one two three four five", group);
  const auto two = texts.picked(2, 20);
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[0].first, "thank you");
  EXPECT_EQ(two[1].first, "yes");
  EXPECT_EQ(texts.picked(20, 20).size(), 6u) << "five words are no query";
}

TEST(SpokenQueries, AClipWithoutTextSaysItsKeywordAndClipsThatWouldBeCutAreLeftOut) {
  QueryManifest texts;
  texts.add("", "a");
  texts.add("up", "b");
  texts.manifest.clips[0].keyword = "Up";
  EXPECT_EQ(texts.picked(9, 9).size(), 2u);
  TaskOptions options;
  options.clip_seconds = 0.5;
  EXPECT_TRUE(pick_queries(texts.manifest, options, Split::kTest, 9, 9).queries.empty());
}

TEST(SpokenQueries, AtALowerFidelityAreAmongThoseOfAHigher) {
  QueryManifest texts;
  for (int word = 0; word < 90; ++word) {
    for (const char* group : {"a", "b", "c"}) texts.add(fmt::format("word{}", word), group);
    for (int other = 0; other < 2; ++other)
      texts.add(fmt::format("one two three four {} {}", word, other), "d");
  }
  const auto of = [&](double fidelity) {
    TaskOptions options;
    options.fidelity = fidelity;
    QuerySet set = pick_queries(texts.manifest, options, Split::kTest, 60, 400);
    for (const auto& searches : set.searches)
      EXPECT_TRUE(std::ranges::any_of(searches, &QuerySet::Searched::target)) << fidelity;
    std::ranges::sort(set.queries);
    return set;
  };
  QuerySet higher = of(1);
  EXPECT_EQ(higher.queries.size(), 60u);
  EXPECT_EQ(higher.documents.size(), 400u);
  for (const double fidelity : {0.7, 0.4, 0.1, 0.01}) {
    const QuerySet lower = of(fidelity);
    EXPECT_EQ(std::ssize(lower.documents), std::max<int64_t>(100, std::llround(400 * fidelity)));
    EXPECT_FALSE(lower.queries.empty());
    EXPECT_TRUE(std::ranges::includes(higher.queries, lower.queries)) << fidelity;
    EXPECT_TRUE(std::ranges::includes(higher.documents, lower.documents)) << fidelity;
    higher = lower;
  }
  EXPECT_LT(higher.queries.size(), 60u);
}

}  // namespace
}  // namespace concertina
