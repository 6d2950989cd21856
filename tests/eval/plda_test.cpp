#include "eval/plda.h"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/files.h"

namespace concertina {
namespace {

nlohmann::json golden_plda() {
  return nlohmann::json::parse(
      read_text(std::filesystem::path(CONCERTINA_SOURCE_DIR) / "tests/eval/plda.json"));
}

// tests/parity/golden/plda.py has the densities of pairs as Gaussians of twice the width.
TEST(Plda, LogRatiosAreThoseOfTheDefinition) {
  const nlohmann::json golden = golden_plda();
  const std::vector<std::vector<double>> rows = golden.at("embeddings");
  std::vector<at::Tensor> tensors;
  for (const auto& row : rows) tensors.push_back(at::tensor(row, at::kDouble));
  const at::Tensor x = at::stack(tensors).to(at::kFloat);
  const at::Tensor speakers = at::tensor(golden.at("speakers").get<std::vector<int64_t>>());
  ProbeSums sums(8);  // two speakers have no embedding
  for (int64_t i = 0; i < x.size(0); i += 5) {
    const int64_t n = std::min<int64_t>(5, x.size(0) - i);
    sums.add(x.narrow(0, i, n), speakers.narrow(0, i, n));
  }
  std::vector<int64_t> first, second;
  for (const auto& pair : golden.at("pairs")) {
    first.push_back(pair.at(0));
    second.push_back(pair.at(1));
  }
  std::vector<double> shrinkages;
  for (const auto& fit : golden.at("fits")) shrinkages.push_back(fit.at("shrinkage"));
  const std::vector<Plda> fits = fit_pldas(sums, shrinkages);
  for (size_t k = 0; k < fits.size(); ++k) {
    const auto& expected = golden.at("fits").at(k);
    EXPECT_EQ(fits[k].between.size(0), expected.at("directions").get<int64_t>());
    const at::Tensor z = fits[k].project(x);
    const at::Tensor ratios = fits[k].log_ratios(z.index_select(0, at::tensor(first)),
                                                 z.index_select(0, at::tensor(second)));
    const at::Tensor values =
        at::tensor(expected.at("ratios").get<std::vector<double>>(), at::kDouble);
    EXPECT_LT((ratios - values).abs().max().item<double>(), 1e-3) << k;  // products are in fp32
    const at::Tensor swapped = fits[k].log_ratios(z.index_select(0, at::tensor(second)),
                                                  z.index_select(0, at::tensor(first)));
    EXPECT_TRUE(at::equal(swapped, ratios));
  }
}

struct Drawn {
  at::Tensor x, speakers;
};

// 40 speakers of 10 embeddings; the covariance within them is not round.
Drawn speakers_of(double spread, int64_t width, uint64_t seed) {
  at::Generator draws = at::make_generator<at::CPUGeneratorImpl>(seed);
  const at::Tensor mix = at::empty({width, width}).normal_(0, 1, draws);
  const at::Tensor means = at::empty({40, width}).normal_(0, spread, draws);
  const at::Tensor speakers = at::arange(40).repeat_interleave(10);
  const at::Tensor noise = at::empty({400, width}).normal_(0, 1, draws).mm(mix);
  return {means.index_select(0, speakers) + noise + 30, speakers};
}

TEST(Plda, SpeakersThatDifferScoreAboveZeroAndWithoutThemNoDirectionIsLeft) {
  const Drawn drawn = speakers_of(2, 6, 3);
  ProbeSums sums(40);
  sums.add(drawn.x, drawn.speakers);
  const Plda plda = fit_pldas(sums, std::array{0.01}).front();
  const at::Tensor z = plda.project(drawn.x);
  const at::Tensor same = plda.log_ratios(z.narrow(0, 0, 399), z.narrow(0, 1, 399));
  const at::Tensor target =
      drawn.speakers.narrow(0, 0, 399).eq(drawn.speakers.narrow(0, 1, 399)).nonzero().squeeze(1);
  EXPECT_GT(same.index_select(0, target).mean().item<double>(), 0.5);
  const at::Tensor others = plda.log_ratios(z.narrow(0, 0, 200), z.narrow(0, 200, 200));
  EXPECT_LT(others.mean().item<double>(), -0.5);

  // One embedding repeated: all variance is between speakers' equal means, and so there is none.
  ProbeSums flat(2);
  const at::Tensor pair = at::tensor({1.0F, 3.0F}).unsqueeze(1);
  flat.add(at::cat({pair, pair}), at::tensor(std::vector<int64_t>{0, 0, 1, 1}));
  const Plda none = fit_pldas(flat, std::array{0.1}).front();
  EXPECT_EQ(none.between.size(0), 0);
  EXPECT_EQ(none.log_ratios(none.project(pair), none.project(pair)).abs().max().item<double>(), 0);
}

// A feature that is scaled or shifted changes nothing; one that is constant does no harm.
TEST(Plda, DoesNotDependOnTheScaleOfFeatures) {
  const Drawn drawn = speakers_of(1, 5, 4);
  const auto ratios_of = [&](const at::Tensor& x) {
    ProbeSums sums(40);
    sums.add(x, drawn.speakers);
    const Plda plda = fit_pldas(sums, std::array{0.2}).front();
    const at::Tensor z = plda.project(x);
    return plda.log_ratios(z.narrow(0, 0, 200), z.narrow(0, 200, 200));
  };
  const at::Tensor expected = ratios_of(drawn.x);
  const at::Tensor scale = at::tensor({0.01F, 1.0F, 50.0F, 3.0F, 0.5F});
  EXPECT_LT((ratios_of(drawn.x * scale) - expected).abs().max().item<double>(), 1e-3);
  EXPECT_TRUE(ratios_of(at::cat({drawn.x, at::ones({400, 1})}, 1)).isfinite().all().item<bool>());
}

}  // namespace
}  // namespace concertina
