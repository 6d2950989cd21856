#include "distill/train/agreement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <barrier>
#include <functional>
#include <thread>

#include "core/errors.h"
#include "supernet/nn/precision.h"

namespace concertina {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Three processes as threads.
constexpr int32_t kRanks = 3;
struct Meeting {
  std::array<at::Tensor, kRanks> given;
  std::barrier<> all{kRanks};
};

class Member : public Communicator {
 public:
  Member(Meeting& meeting, int32_t rank) : meeting_(meeting), rank_(rank) {}
  int32_t rank() const override { return rank_; }
  int32_t size() const override { return kRanks; }
  Wait begin_sum(const at::Tensor& tensor) override {
    meeting_.given[static_cast<size_t>(rank_)] = tensor;
    meeting_.all.arrive_and_wait();
    at::Tensor sum = at::zeros_like(tensor);
    for (const at::Tensor& part : meeting_.given) sum.add_(part);
    meeting_.all.arrive_and_wait();
    tensor.copy_(sum);
    return [] {};
  }
  void broadcast(const at::Tensor& /*tensor*/) override {}
  void first_does(const std::function<void()>& work) override { work(); }

 private:
  Meeting& meeting_;
  int32_t rank_;
};

// What each rank's call threw; "" for nothing.
std::array<std::string, kRanks> errors_of(const std::function<void(Communicator&)>& call) {
  Meeting meeting;
  std::array<std::string, kRanks> errors;
  std::vector<std::thread> threads;
  for (int32_t rank = 0; rank < kRanks; ++rank) {
    threads.emplace_back([&, rank] {
      Member member(meeting, rank);
      try {
        call(member);
      } catch (const Error& error) {
        errors[static_cast<size_t>(rank)] = error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return errors;
}

TEST(Agreement, EverybodysTextIsHeard) {
  std::vector<std::string> heard;
  EXPECT_THAT(errors_of([&](Communicator& c) {
                const auto texts = gather(c, std::string(static_cast<size_t>(c.rank()), 'x'));
                if (c.rank() == 1) heard = texts;
              }),
              ElementsAre("", "", ""));
  EXPECT_THAT(heard, ElementsAre("", "x", "xx"));
}

TEST(Agreement, SettingsThatDifferAreNamedEverywhere) {
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

TEST(Agreement, WeightsThatDifferByOneBitAreNoticed) {
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

TEST(Agreement, WeightsInOtherPlacesAreNoticed) {
  const auto errors = errors_of([](Communicator& c) {
    at::Tensor own = at::linspace(-1, 1, 10);
    if (c.rank() == 1) own = own.flip(0).contiguous();
    check_same_weights(c, own, "");
  });
  EXPECT_THAT(errors, ::testing::Each(HasSubstr("rank 1 has other weights")));
}

TEST(Agreement, AutoIsBf16WhereAllOfThemMultiplyItFast) {
  EXPECT_THAT(errors_of([](Communicator& c) {
                EXPECT_TRUE(all_agree(c, true));
                EXPECT_FALSE(all_agree(c, c.rank() != 1));
                EXPECT_EQ(agreed_dtype(Precision::kAuto, at::kCPU, c),
                          scalar_type(Precision::kAuto));
                EXPECT_EQ(agreed_dtype(Precision::kFp32, at::kCPU, c), at::kFloat);
                EXPECT_EQ(agreed_dtype(Precision::kBf16, at::kCPU, c), at::kBFloat16);
              }),
              ::testing::Each(IsEmpty()));
}

}  // namespace
}  // namespace concertina
