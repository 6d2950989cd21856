#include "speech/splits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace concertina {
namespace {

std::vector<std::string> names(int count) {
  std::vector<std::string> result;
  for (int i = 0; i < count; ++i) result.push_back("speaker" + std::to_string(i));
  return result;
}

TEST(HashSplits, HoldsOutATenthTwice) {
  const auto splits = hash_splits(names(200));
  EXPECT_EQ(std::count(splits.begin(), splits.end(), Split::kDev), 20);
  EXPECT_EQ(std::count(splits.begin(), splits.end(), Split::kTest), 20);
}

TEST(HashSplits, DoesNotDependOnOrderOrRepetition) {
  auto order = names(30);
  const auto splits = hash_splits(order);
  auto turned = order;
  std::reverse(turned.begin(), turned.end());
  turned.push_back(order[4]);
  const auto again = hash_splits(turned);
  EXPECT_TRUE(std::equal(splits.rbegin(), splits.rend(), again.begin()));
  EXPECT_EQ(again.back(), splits[4]);
}

TEST(HashSplits, AlwaysLeavesTrain) {
  for (int count = 0; count < 12; ++count) {
    const auto splits = hash_splits(names(count));
    if (count > 0) {
      EXPECT_GE(std::count(splits.begin(), splits.end(), Split::kTrain), 1) << count;
    }
    if (count >= 3) {
      EXPECT_EQ(std::count(splits.begin(), splits.end(), Split::kTest), 1) << count;
    }
  }
}

TEST(DialogueSplits, EveryCharacterWithSeveralIsHeardInTrainAndTest) {
  const std::vector<Dialogue> dialogues = {
      {"ANN1", "ANN", 50}, {"BOB1", "BOB", 30}, {"BOB2", "BOB", 70}, {"CAT1", "CAT", 10},
      {"CAT2", "CAT", 20}, {"CAT3", "CAT", 31}, {"DAN1", "DAN", 9},  {"DAN2", "DAN", 9},
      {"DAN3", "DAN", 9},  {"DAN4", "DAN", 9}};
  const std::vector<Split> expected = {Split::kTrain, Split::kTest,  Split::kTrain, Split::kDev,
                                       Split::kTest,  Split::kTrain, Split::kTest,  Split::kDev,
                                       Split::kTrain, Split::kTrain};
  EXPECT_EQ(dialogue_splits(dialogues, 3), expected);
}

TEST(DialogueSplits, TheLeastHeldOutGivesMore) {
  std::vector<Dialogue> dialogues = {{"BOB1", "BOB", 30}, {"BOB2", "BOB", 70}};
  for (int i = 1; i <= 5; ++i) dialogues.push_back({"DAN" + std::to_string(i), "DAN", 10});
  const auto splits = dialogue_splits(dialogues, 4);
  EXPECT_EQ(std::count(splits.begin() + 2, splits.end(), Split::kTest), 3);
  EXPECT_EQ(std::count(splits.begin() + 2, splits.end(), Split::kTrain), 1);
  EXPECT_EQ(dialogue_splits(dialogues, 100), splits);
}

}  // namespace
}  // namespace concertina
