#include "eval/abx_interval.h"

#include <gtest/gtest.h>

#include <vector>

namespace concertina {
namespace {

TEST(AbxInterval, HoldsTheErrorAndIsSeeded) {
  std::vector<AbxToken> tokens;
  for (int64_t i = 0; i < 24; ++i) tokens.push_back({.clip = i % 5, .phone = i % 3});
  const auto triples = draw_abx_triples(tokens, AbxSpeakers::kWithin, 1000000, Rng(1));
  Rng draws(2);
  std::vector<double> errors;
  for (size_t i = 0; i < triples.size(); ++i)
    errors.push_back(static_cast<double>(draws.below(3)) / 2);
  const Interval interval = bootstrap_abx(tokens, triples, errors, Rng(3));
  EXPECT_LT(interval.low, abx_error(triples, errors));
  EXPECT_GT(interval.high, abx_error(triples, errors));
  EXPECT_EQ(interval.low, bootstrap_abx(tokens, triples, errors, Rng(3)).low);
  const std::vector<double> right(errors.size(), 0.0);
  EXPECT_EQ(bootstrap_abx(tokens, triples, right, Rng(3)).low, 0);
}

}  // namespace
}  // namespace concertina
