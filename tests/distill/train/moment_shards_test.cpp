// Moments divided among processes, which are threads here.
#include "distill/train/moment_shards.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/distill/thread_communicator.h"

namespace concertina {
namespace {

using testing::ThreadCommunicator;

TEST(MomentShards, AreGatheredAndScattered) {
  constexpr int64_t kNumel = 1000;
  testing::ThreadGroup group(3);
  const at::Tensor whole = at::arange(kNumel, at::kFloat);
  const auto process = [&](int32_t rank) {
    ThreadCommunicator communicator(group, rank);
    const ElementRange range = moment_range(kNumel, rank, 3);
    at::Tensor own = at::zeros({range.end - range.begin});
    scatter_moments(communicator, rank == 0 ? whole : at::Tensor(), own, kNumel);
    EXPECT_TRUE(own.equal(whole.slice(0, range.begin, range.end)));
    const at::Tensor gathered = gather_moments(communicator, own, kNumel);
    EXPECT_EQ(gathered.defined(), rank == 0);
    if (rank == 0) {
      EXPECT_TRUE(gathered.equal(whole));
    }
    at::Tensor flat = at::full({kNumel}, static_cast<double>(rank));
    share_ranges(communicator, flat);
    EXPECT_EQ(flat[0].item<float>(), 0);
    EXPECT_EQ(flat[kNumel / 2].item<float>(), 1);
    EXPECT_EQ(flat[kNumel - 1].item<float>(), 2);
  };
  std::vector<std::jthread> others;
  for (int32_t rank = 1; rank < 3; ++rank) others.emplace_back(process, rank);
  process(0);
}

}  // namespace
}  // namespace concertina
