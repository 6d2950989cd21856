#include "distill/train/gradient_exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace concertina {
namespace {

// Two processes with the same gradients: a sum is twice the tensor, and is there after the wait.
class Twin : public Communicator {
 public:
  int32_t rank() const override { return 0; }
  int32_t size() const override { return 2; }
  Wait begin_sum(const at::Tensor& tensor) override {
    sent.push_back(tensor.storage_offset());
    return [tensor] { tensor.mul_(2); };
  }
  void broadcast(const at::Tensor& /*tensor*/) override {}
  void first_does(const std::function<void()>& work) override { work(); }
  std::vector<int64_t> sent;  // where each began in the flat gradient
};

class GradientExchangeTest : public ::testing::Test {
 protected:
  GradientExchangeTest() { gradients.flat.fill_(3); }
  // Buckets of 4 elements and more: {a, b} at 0, {c} at 5, {d} at 13.
  Parameters parameters{{{"a", at::zeros({3})},
                         {"b", at::zeros({2})},
                         {"c", at::zeros({2, 4})},
                         {"d", at::zeros({1})}}};
  Gradients gradients{parameters};
  Twin twin;
  GradientExchange exchange{twin, parameters, gradients, 4};
};

TEST_F(GradientExchangeTest, SendsABucketWhenItsLastSliceHasArrived) {
  for (const char* name : {"a", "b", "b", "c", "d"}) exchange.expect(name);
  exchange.arrived("c");
  EXPECT_THAT(twin.sent, testing::ElementsAre(5));
  exchange.arrived("b");
  exchange.arrived("a");
  EXPECT_THAT(twin.sent, testing::ElementsAre(5));
  exchange.arrived("b");
  EXPECT_THAT(twin.sent, testing::ElementsAre(5, 0));
  exchange.finish();  // d never came, as where a layer was not reached
  EXPECT_THAT(twin.sent, testing::ElementsAre(5, 0, 13));
  EXPECT_TRUE(gradients.flat.eq(3).all().item<bool>());  // the mean of equal ones
}

TEST_F(GradientExchangeTest, LeavesOutWhatTheStepDoesNotTouch) {
  exchange.expect("d");
  exchange.arrived("d");
  exchange.finish();
  exchange.finish();  // nothing is expected any more
  EXPECT_THAT(twin.sent, testing::ElementsAre(13));
}

TEST_F(GradientExchangeTest, NothingIsSentAlone) {
  const auto alone = lone_communicator();
  GradientExchange quiet(*alone, parameters, gradients, 4);
  quiet.expect("a");
  quiet.arrived("a");
  quiet.finish();
  EXPECT_TRUE(gradients.flat.eq(3).all().item<bool>());
}

}  // namespace
}  // namespace concertina
