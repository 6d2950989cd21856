#include "distill/train/consistency.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <thread>

#include "core/errors.h"
#include "supernet/nn/precision.h"
#include "tests/distill/thread_communicator.h"

namespace concertina {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int32_t kRanks = 3;

// What each rank's call threw; "" for nothing.
std::array<std::string, kRanks> errors_of(const std::function<void(Communicator&)>& call) {
  testing::ThreadGroup group(kRanks);
  std::array<std::string, kRanks> errors;
  std::vector<std::thread> threads;
  for (int32_t rank = 0; rank < kRanks; ++rank) {
    threads.emplace_back([&, rank] {
      testing::ThreadCommunicator communicator(group, rank);
      try {
        call(communicator);
      } catch (const Error& error) {
        errors[static_cast<size_t>(rank)] = error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return errors;
}

TEST(Consistency, TextsAreGatheredByRank) {
  std::vector<std::string> heard;
  EXPECT_THAT(errors_of([&](Communicator& c) {
                const auto texts = all_gather(c, std::string(static_cast<size_t>(c.rank()), 'x'));
                if (c.rank() == 1) heard = texts;
              }),
              ElementsAre("", "", ""));
  EXPECT_THAT(heard, ElementsAre("", "x", "xx"));
}

TEST(Consistency, SettingsThatDifferAreNamedEverywhere) {
  const std::string same = R"({"seed": 1, "stage1": {"optimizer": {"lr": 0.1}}})";
  EXPECT_THAT(errors_of([&](Communicator& c) { check_same_settings(c, same); }),
              ElementsAre("", "", ""));
  const std::string other = R"({"seed": 2, "stage1": {"optimizer": {"lr": 0.2}, "steps": 7}})";
  const auto errors =
      errors_of([&](Communicator& c) { check_same_settings(c, c.rank() == 1 ? other : same); });
  EXPECT_THAT(errors, ::testing::Each(AllOf(HasSubstr("seed: ranks 0, 2 have 1, rank 1 has 2"),
                                            HasSubstr("stage1.optimizer.lr: ranks 0, 2 have 0.1"),
                                            HasSubstr("stage1.steps"))));
}

TEST(Consistency, WeightsThatDifferByOneBitAreNoticed) {
  const at::Tensor flat = at::linspace(-1, 1, 1000);
  const auto check = [&](bool differ) {
    return errors_of([&](Communicator& c) {
      at::Tensor own = flat.clone();
      if (differ && c.rank() == 2) own.view(at::kInt)[500].add_(1);
      check_same_weights(c, own, "after step 4");
    });
  };
  EXPECT_THAT(check(false), ::testing::Each(IsEmpty()));
  EXPECT_THAT(check(true),
              ::testing::Each(HasSubstr("rank 2 has other weights than rank 0 after step 4")));
}

TEST(Consistency, WeightsInAnotherOrderAreNoticed) {
  const auto errors = errors_of([](Communicator& c) {
    at::Tensor own = at::linspace(-1, 1, 10);
    if (c.rank() == 1) own = own.flip(0).contiguous();
    check_same_weights(c, own, "");
  });
  EXPECT_THAT(errors, ::testing::Each(HasSubstr("rank 1 has other weights")));
}

TEST(Consistency, AutoIsBf16WhereAllProcessesMultiplyItFast) {
  EXPECT_THAT(errors_of([](Communicator& c) {
                EXPECT_TRUE(all_true(c, true));
                EXPECT_FALSE(all_true(c, c.rank() != 1));
                EXPECT_EQ(common_dtype(Precision::kAuto, at::kCPU, c),
                          scalar_type(Precision::kAuto));
                EXPECT_EQ(common_dtype(Precision::kFp32, at::kCPU, c), at::kFloat);
                EXPECT_EQ(common_dtype(Precision::kBf16, at::kCPU, c), at::kBFloat16);
              }),
              ::testing::Each(IsEmpty()));
}

}  // namespace
}  // namespace concertina
