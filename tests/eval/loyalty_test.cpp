#include "eval/loyalty.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/files.h"

namespace concertina {
namespace {

at::Tensor matrix(const nlohmann::json& rows) {
  std::vector<at::Tensor> tensors;
  for (const auto& row : rows)
    tensors.push_back(at::tensor(row.get<std::vector<double>>(), at::kDouble));
  return at::stack(tensors);
}

// Frames around four points, [n, 6] float.
at::Tensor clustered_rows(int64_t n) {
  at::manual_seed(3);
  const at::Tensor centres = 3 * at::randn({4, 6});
  return centres.index_select(0, at::randint(4, {n}, at::kLong)) + 0.5 * at::randn({n, 6});
}

// tests/parity/golden/loyalty.py has the definitions.
TEST(Loyalty, EqualsItsDefinition) {
  const auto golden = nlohmann::json::parse(
      read_text(std::filesystem::path(CONCERTINA_SOURCE_DIR) / "tests/eval/loyalty.json"));
  const LoyaltyUnits units{.centroids = matrix(golden.at("centroids")).to(at::kFloat),
                           .temperature = golden.at("temperature")};
  const at::Tensor teacher = matrix(golden.at("teacher")), student = matrix(golden.at("student"));
  const at::Tensor of_frames =
      probability_loyalties(unit_probabilities(units, teacher), unit_probabilities(units, student));
  const std::vector<double> frames = golden.at("frames");
  for (size_t i = 0; i < frames.size(); ++i)
    EXPECT_NEAR(of_frames[static_cast<int64_t>(i)].item<double>(), frames[i], 1e-5) << i;
  std::vector<ClipAgreement> clips;
  int64_t first = 0;
  for (const int64_t count : golden.at("clips")) {
    clips.push_back(
        clip_agreement(units, teacher.narrow(0, first, count), student.narrow(0, first, count)));
    first += count;
  }
  EXPECT_DOUBLE_EQ(label_loyalty(clips).rate(), golden.at("label"));
  EXPECT_NEAR(probability_loyalty(clips).rate(), golden.at("probability"), 1e-5);
  EXPECT_NEAR(pearson_loyalty(clips).rate(), golden.at("pearson"), 1e-9);
  EXPECT_NEAR(explained_deviations(clips).rate(), golden.at("explained"), 1e-9);
  EXPECT_EQ(pearson_loyalty(clips).hits.size(), clips.size());
}

TEST(Loyalty, DivergenceByHand) {
  const at::Tensor p = at::tensor({1.0, 0.0, 1.0, 0.0, 0.3, 0.7}, at::kDouble).view({3, 2});
  const at::Tensor q = at::tensor({0.0, 1.0, 0.5, 0.5, 0.3, 0.7}, at::kDouble).view({3, 2});
  const at::Tensor loyalties = probability_loyalties(p, q);
  EXPECT_NEAR(loyalties[0].item<double>(), 0, 1e-12);  // disjoint: 1 bit
  // (log2(4/3) + (log2(2/3) + log2 2) / 2) / 2 = 0.3112781 bits
  EXPECT_NEAR(loyalties[1].item<double>(), 1 - std::sqrt(0.3112781244591328), 1e-12);
  EXPECT_NEAR(loyalties[2].item<double>(), 1, 1e-7);
}

TEST(Loyalty, OfEqualRowsIsOneAndOfShuffledOnesIsChance) {
  const at::Tensor rows = clustered_rows(2000);
  const LoyaltyUnits units = fit_loyalty_units(rows, Rng(1));
  const std::vector same = {clip_agreement(units, rows, rows)};
  EXPECT_EQ(label_loyalty(same).rate(), 1);
  EXPECT_NEAR(probability_loyalty(same).rate(), 1, 1e-6);
  EXPECT_NEAR(pearson_loyalty(same).rate(), 1, 1e-9);

  const at::Tensor other = rows.index_select(0, at::randperm(2000));
  const std::vector shuffled = {clip_agreement(units, rows, other)};
  const at::Tensor share =
      at::bincount(unit_probabilities(units, rows).argmax(1)).to(at::kDouble) / 2000;
  EXPECT_NEAR(label_loyalty(shuffled).rate(), share.square().sum().item<double>(), 0.02);
  EXPECT_NEAR(pearson_loyalty(shuffled).rate(), 0, 0.05);
  EXPECT_LT(probability_loyalty(shuffled).rate(), 0.5);
}

TEST(Loyalty, OfRowsThatDoNotVaryIsNoNumberOfTheirs) {
  const at::Tensor rows = clustered_rows(50), still = at::ones({50, 6});
  const LoyaltyUnits units = fit_loyalty_units(rows, Rng(1));
  EXPECT_EQ(pearson_loyalty(std::vector{clip_agreement(units, rows, still)}).rate(), 0);
  EXPECT_EQ(pearson_loyalty(std::vector{clip_agreement(units, still, rows)}).rate(), 0);
  EXPECT_TRUE(pearson_loyalty({}).hits.empty());
}

TEST(LoyaltyUnits, AreSeededAndTheirTemperatureIsTheGapOfDistances) {
  const at::Tensor rows = clustered_rows(500);
  const LoyaltyUnits units = fit_loyalty_units(rows, Rng(1));
  EXPECT_EQ(units.centroids.size(0), 100);
  EXPECT_TRUE(at::equal(units.centroids, fit_loyalty_units(rows, Rng(1)).centroids));
  EXPECT_FALSE(at::equal(units.centroids, fit_loyalty_units(rows, Rng(2)).centroids));
  const at::Tensor sorted = std::get<0>(
      at::cdist(rows.to(at::kDouble), units.centroids.to(at::kDouble)).square().sort(1));
  EXPECT_NEAR(units.temperature, (sorted.select(1, 1) - sorted.select(1, 0)).mean().item<double>(),
              1e-6);
  EXPECT_EQ(fit_loyalty_units(rows.narrow(0, 0, 1), Rng(1)).temperature, 1);
  EXPECT_EQ(fit_loyalty_units(rows.narrow(0, 0, 7), Rng(1)).centroids.size(0), 7);
}

}  // namespace
}  // namespace concertina
