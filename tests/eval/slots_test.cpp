#include "eval/slots.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/files.h"
#include "eval/tasks.h"
#include "eval/words.h"
#include "tests/eval/spoken_corpus.h"

namespace concertina {
namespace {

const SlotMarks kMarks = {{"artist", "light", "room"}};

TEST(Slots, AMarkIsOneSymbol) {
  const std::u32string text =
      marked_text("Play <artist>Adele!</artist>, in the <room>LIVING room</room>.", kMarks);
  EXPECT_EQ(text, std::u32string(U"play ") + SlotMarks::begin(0) + U"adele" + SlotMarks::end(0) +
                      U" in the " + SlotMarks::begin(2) + U"living room" + SlotMarks::end(2));
  EXPECT_EQ(slot_types_in("a <room>b</room> <light>c</light> <room>d</room>"),
            (std::vector<std::string>{"room", "light", "room"}));
}

TEST(Slots, BadMarksAreErrors) {
  for (const char* text : {"<room>hall", "hall</room>", "<room>a<light>b</light></room>", "<room",
                           "<>a</>", "<room>a</light>"})
    EXPECT_THROW(slot_types_in(text), InputError) << text;
}

TEST(Slots, OfARecognisedTextEndAtTheNextMarkOfTheirType) {
  std::u32string text = U"x";
  text += SlotMarks::begin(0);  // never closed
  text += U"y ";
  text += SlotMarks::begin(1);
  text += U" a ";
  text += SlotMarks::begin(2);
  text += U" b";
  text += SlotMarks::end(1);
  text += SlotMarks::end(2);
  text += SlotMarks::begin(2);  // nothing in it
  text += SlotMarks::end(2);
  const auto slots = slots_of(text);
  ASSERT_EQ(slots.size(), 1u);
  EXPECT_EQ(slots.at(1), (std::vector<std::u32string>{U"a b"}));
}

// Made by tests/parity/golden/sequences.py from the definitions.
TEST(Slots, ScoresEqualTheGoldenOnes) {
  const auto golden = nlohmann::json::parse(
      read_text(std::string(CONCERTINA_SOURCE_DIR) + "/tests/eval/sequences.json"));
  ASSERT_EQ(golden.at("slots").size(), 6u);
  for (const auto& each : golden.at("slots")) {
    const std::u32string reference = marked_text(each.at("reference").get<std::string>(), kMarks);
    const std::u32string hypothesis = marked_text(each.at("hypothesis").get<std::string>(), kMarks);
    EXPECT_NEAR(slot_type_f1(reference, hypothesis).errors, each.at("f1").get<double>(), 1e-12)
        << each;
    EXPECT_EQ(slot_type_f1(reference, hypothesis).total, 1);
    const SequenceErrors values = slot_value_errors(reference, hypothesis);
    EXPECT_EQ(values.errors, each.at("values").at(0).get<double>()) << each;
    EXPECT_EQ(values.total, each.at("values").at(1).get<double>()) << each;
  }
}

class SlotFilling : public ::testing::Test {
 protected:
  SlotFilling() {
    corpus_.say_sentences({"abc", "deb", "fgh", "hca", "gad"}, 2, 12);
    options_.tasks = {"sf"};
    options_.trained = true;
  }
  // Two of the words are slots, each of its own type.
  Manifest marked() const {
    Manifest manifest = corpus_.manifest();
    for (Clip& clip : manifest.clips) {
      for (const std::string& word : words_of(clip.text)) {
        const std::string type = word == "abc" ? "first" : word == "fgh" ? "second" : "";
        if (!clip.slots.empty()) clip.slots += " ";
        clip.slots += type.empty() ? word : fmt::format("<{}>{}</{}>", type, word, type);
      }
    }
    return manifest;
  }
  double value(const std::vector<TaskScore>& scores, const std::string& metric) const {
    const auto found = std::ranges::find(scores, metric, &TaskScore::metric);
    return found == scores.end() ? -1 : found->value;
  }
  testing::SpokenCorpus corpus_{"slots"};
  TaskOptions options_;
};

TEST_F(SlotFilling, IsScoredAndShuffledTextsScoreWorse) {
  Manifest manifest = marked();
  const auto right = score_tasks(manifest, mfcc_baseline_features(), options_, Split::kTest, {});
  ASSERT_EQ(right.size(), 2u);
  EXPECT_GE(value(right, "sf.f1_wsum"), 0);
  EXPECT_LE(value(right, "sf.f1_wsum"), 100);
  Rng rng(4);
  std::vector<std::string> texts;
  for (const Clip& clip : manifest.clips) texts.push_back(clip.slots);
  rng.shuffle(std::span(texts));
  for (size_t i = 0; i < texts.size(); ++i) manifest.clips[i].slots = texts[i];
  const auto wrong = score_tasks(manifest, mfcc_baseline_features(), options_, Split::kTest, {});
  EXPECT_LT(value(right, "sf.cer_wsum"), value(wrong, "sf.cer_wsum") - 20);
  EXPECT_GT(value(right, "sf.f1_wsum"), value(wrong, "sf.f1_wsum") + 20);
}

TEST_F(SlotFilling, WithoutMarksOrWithABadOneThereIsNoScore) {
  const PreparedTasks prepared(corpus_.manifest(), options_, Split::kTest);
  ASSERT_EQ(prepared.left_out().size(), 1u);
  EXPECT_EQ(prepared.left_out()[0].second, "no clip has a marked slot (column 'slots')");
  Manifest manifest = marked();
  manifest.clips[5].slots = "a <first>b";
  try {
    score_tasks(manifest, mfcc_baseline_features(), options_, Split::kTest, {});
    FAIL() << "no error";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what())
                  .find("clip 'clip5': column 'slots': 'a <first>b': slot 'first' is not closed"),
              std::string::npos)
        << error.what();
  }
}

TEST_F(SlotFilling, TheSameAudioInTrainAndTestIsAnError) {
  Manifest manifest = marked();
  for (Clip& clip : manifest.clips) clip.hash = "0123456789abcdef";
  EXPECT_THROW(score_tasks(manifest, mfcc_baseline_features(), options_, Split::kTest, {}),
               InputError);
}

}  // namespace
}  // namespace concertina
