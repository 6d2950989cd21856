#include "distill/train/gradient_reducer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace concertina {
namespace {

// Two processes with the same gradients: a sum is twice the tensor, available after the wait.
class Twin : public Communicator {
 public:
  int32_t rank() const override { return 0; }
  int32_t world_size() const override { return 2; }
  Wait all_reduce_async(const at::Tensor& tensor) override {
    sent.push_back(tensor.storage_offset());
    return [tensor] { tensor.mul_(2); };
  }
  void broadcast_from(int32_t /*from*/, const at::Tensor& /*tensor*/) override {}
  void run_on_rank_zero(const std::function<void()>& work) override { work(); }
  std::vector<int64_t> sent;  // where each began in the flat gradient
};

class GradientReducerTest : public ::testing::Test {
 protected:
  GradientReducerTest() { gradients.flat.fill_(3); }
  // Buckets of 4 elements and more: {a, b} at 0, {c} at 5, {d} at 13.
  Parameters parameters{{{"a", at::zeros({3})},
                         {"b", at::zeros({2})},
                         {"c", at::zeros({2, 4})},
                         {"d", at::zeros({1})}}};
  Gradients gradients{parameters};
  Twin twin;
  GradientReducer reducer{twin, parameters, gradients, 4};
};

TEST_F(GradientReducerTest, ReducesABucketWhenItsLastSliceIsReady) {
  for (const char* name : {"a", "b", "b", "c", "d"}) reducer.expect_slice(name);
  reducer.mark_ready("c");
  EXPECT_THAT(twin.sent, testing::ElementsAre(5));
  reducer.mark_ready("b");
  reducer.mark_ready("a");
  EXPECT_THAT(twin.sent, testing::ElementsAre(5));
  reducer.mark_ready("b");
  EXPECT_THAT(twin.sent, testing::ElementsAre(5, 0));
  reducer.finish();  // d has no gradient, as where a layer is not reached
  EXPECT_THAT(twin.sent, testing::ElementsAre(5, 0, 13));
  EXPECT_TRUE(gradients.flat.eq(3).all().item<bool>());  // the mean of equal ones
}

TEST_F(GradientReducerTest, SkipsBucketsWithoutGradients) {
  reducer.expect_slice("d");
  reducer.mark_ready("d");
  reducer.finish();
  reducer.finish();  // nothing is expected any more
  EXPECT_THAT(twin.sent, testing::ElementsAre(13));
}

TEST_F(GradientReducerTest, DoesNothingInASingleProcess) {
  const auto alone = single_process_communicator();
  GradientReducer quiet(*alone, parameters, gradients, 4);
  quiet.expect_slice("a");
  quiet.mark_ready("a");
  quiet.finish();
  EXPECT_TRUE(gradients.flat.eq(3).all().item<bool>());
}

}  // namespace
}  // namespace concertina
