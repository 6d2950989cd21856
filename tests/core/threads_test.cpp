#include "core/threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

namespace concertina {
namespace {

class Threads : public ::testing::Test {
 protected:
  void TearDown() override { set_thread_limit(hardware_threads()); }
};

TEST_F(Threads, LimitIsWhatWasSet) {
  EXPECT_GE(hardware_threads(), 1);
  set_thread_limit(3);
  EXPECT_EQ(thread_limit(), 3);
  EXPECT_THROW(set_thread_limit(0), std::logic_error);
}

TEST_F(Threads, EveryIndexRunsOnce) {
  for (const int32_t threads : {1, 4}) {
    set_thread_limit(threads);
    std::vector<int> runs(1000);
    parallel_for(1000, [&](int64_t i) { ++runs[static_cast<size_t>(i)]; });
    EXPECT_EQ(runs, std::vector<int>(1000, 1));
    parallel_for(0, [](int64_t) { FAIL(); });
  }
}

TEST_F(Threads, TheLimitMayExceedTheCpus) {
  set_thread_limit(8);
  std::atomic<int> inside = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  parallel_for(8, [&](int64_t) {
    ++inside;
    while (inside < 8 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  });
  EXPECT_EQ(inside, 8);
}

TEST_F(Threads, AnExceptionIsRethrown) {
  for (const int32_t threads : {1, 4}) {
    set_thread_limit(threads);
    EXPECT_THROW(parallel_for(100,
                              [](int64_t i) {
                                if (i == 50) throw std::runtime_error("fifty");
                              }),
                 std::runtime_error);
  }
}

TEST_F(Threads, LoopsNest) {
  set_thread_limit(4);
  std::atomic<int64_t> sum = 0;
  parallel_for(8, [&](int64_t i) { parallel_for(8, [&](int64_t j) { sum += i * j; }); });
  EXPECT_EQ(sum, 28 * 28);
}

}  // namespace
}  // namespace concertina
