#include "eval/latency.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <set>

#include "core/errors.h"
#include "tests/model/models.h"

namespace concertina {
namespace {

TEST(Latency, ProfileArchitecturesHoldTheCornersAndNoRepeats) {
  const SearchSpace space = testing::small_space(testing::mel_blueprint());
  const auto chosen = profile_architectures(space, 20, 1);
  EXPECT_EQ(chosen.size(), 20u);
  EXPECT_EQ(chosen[0], space.smallest());
  EXPECT_EQ(chosen[1], space.largest());
  EXPECT_EQ(std::set<Architecture>(chosen.begin(), chosen.end()).size(), chosen.size());
  EXPECT_EQ(profile_architectures(space, 20, 1), chosen);
}

TEST(Latency, PointsAreOrderedStatisticsOfTheWorkload) {
  const Supernet supernet = testing::perturbed(testing::small_space(testing::mel_blueprint()), 1);
  LatencyOptions options;
  options.seconds = 1;
  options.warmup = 1;
  options.repetitions = 5;
  const int threads = at::get_num_threads();
  int64_t last = 0;
  const auto points =
      profile_latency(supernet, {supernet.space().smallest(), supernet.space().largest()}, options,
                      {}, [&](int64_t done, int64_t total) {
                        last = done;
                        EXPECT_EQ(total, 12);
                      });
  EXPECT_EQ(last, 12);
  EXPECT_EQ(at::get_num_threads(), threads);
  ASSERT_EQ(points.size(), 2u);
  for (const LatencyPoint& point : points) {
    EXPECT_EQ(point.n, 5);
    EXPECT_GT(point.p50_ms, 0);
    EXPECT_GE(point.p95_ms, point.p50_ms);
    EXPECT_GE(point.spread_ms, 0);
    EXPECT_EQ(point.device, cpu_name());
  }
  EXPECT_FALSE(cpu_name().empty());
}

TEST(Latency, AnUnknownDtypeIsAProblem) {
  ConfigFile file = ConfigFile::parse("{dtype: fp16}");
  LatencyOptions::from_config(file.root());
  EXPECT_THROW(file.finish(), InputError);
}

}  // namespace
}  // namespace concertina
