#include "search/latency_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/files.h"
#include "search/latency_features.h"
#include "search/ridge.h"

namespace concertina {
namespace {

using Json = nlohmann::json;

constexpr int64_t kLeastPoints = 8;
constexpr int32_t kFormat = 1;

int64_t workload_samples(const Blueprint& blueprint, double seconds) {
  return std::llround(seconds * blueprint.sample_rate);
}

void check_points(std::span<const LatencyPoint> points) {
  if (static_cast<int64_t>(points.size()) < kLeastPoints) {
    throw InputError(fmt::format("a latency model needs at least {} profiled subnets; there are {}",
                                 kLeastPoints, points.size()));
  }
  const LatencyPoint& first = points[0];
  for (const LatencyPoint& p : points) {
    if (p.device != first.device || p.threads != first.threads || p.seconds != first.seconds ||
        p.dtype != first.dtype) {
      throw InputError(
          fmt::format("latency points of different workloads cannot be fitted together: {}, {} "
                      "threads, {} s, {} "
                      "and {}, {} threads, {} s, {}",
                      first.device, first.threads, first.seconds, first.dtype, p.device, p.threads,
                      p.seconds, p.dtype));
    }
    if (!(p.p50_ms > 0) || !std::isfinite(p.p50_ms)) {
      throw InputError(fmt::format("the latency of '{}' is {} ms; a positive time was expected",
                                   p.architecture.key(), p.p50_ms));
    }
  }
}

// Least squares of the relative error: every row is weighted by 1 / y. The intercept is not
// penalised: columns and target are centred by their weighted means, which makes it orthogonal to
// the rest.
struct Problem {
  std::vector<double> rows;  // weighted, standardised; row-major
  std::vector<double> target,
      row_weight;                   // weighted and centred; sqrt of the weights, which sum to n
  std::vector<double> mean, scale;  // of each column; scale 0: the column is switched off
  double target_mean = 0;
};

std::vector<double> row_weights(std::span<const double> y) {
  double sum = 0;
  for (const double value : y) sum += 1 / (value * value);
  std::vector<double> weights;
  for (const double value : y) {
    weights.push_back(std::sqrt(static_cast<double>(y.size()) / sum) / value);
  }
  return weights;
}

Problem standardise(const std::vector<std::vector<double>>& features, std::span<const double> y) {
  const size_t count = y.size(), width = features[0].size();
  const auto n = static_cast<double>(count);
  Problem problem;
  problem.row_weight = row_weights(y);
  const auto weighted_mean = [&](auto value) {
    double sum = 0;
    for (size_t r = 0; r < count; ++r) sum += std::pow(problem.row_weight[r], 2) * value(r);
    return sum / n;
  };
  problem.target_mean = weighted_mean([&](size_t r) { return y[r]; });
  for (size_t c = 0; c < width; ++c) {
    const double mean = weighted_mean([&](size_t r) { return features[r][c]; });
    const double scale =
        std::sqrt(weighted_mean([&](size_t r) { return std::pow(features[r][c] - mean, 2); }));
    problem.mean.push_back(mean);
    // A feature that does not vary among the points says nothing.
    problem.scale.push_back(scale > 1e-9 * std::abs(mean) ? scale : 0);
  }
  for (size_t r = 0; r < count; ++r) {
    const double weight = problem.row_weight[r];
    problem.target.push_back(weight * (y[r] - problem.target_mean));
    for (size_t c = 0; c < width; ++c) {
      const double scale = problem.scale[c];
      problem.rows.push_back(scale > 0 ? weight * (features[r][c] - problem.mean[c]) / scale : 0);
    }
  }
  return problem;
}

Ridge best_ridge(const Problem& problem) {
  const auto n = static_cast<double>(problem.target.size());
  std::vector<double> intercept_leverage;
  for (const double weight : problem.row_weight) intercept_leverage.push_back(weight * weight / n);
  Ridge best;
  best.loss = std::numeric_limits<double>::infinity();
  for (int step = -12; step <= 2; ++step) {
    Ridge ridge = solve_ridge(problem.rows, problem.target, intercept_leverage,
                              std::pow(10.0, 0.5 * step) * n);
    if (ridge.loss < best.loss) best = std::move(ridge);
  }
  return best;
}

LatencyFit measure(const Problem& problem, const Ridge& ridge, std::span<const double> y) {
  LatencyFit fit;
  fit.points = static_cast<int64_t>(y.size());
  std::vector<double> predicted;
  for (size_t r = 0; r < y.size(); ++r) {
    const double error = ridge.held_out[r] / problem.row_weight[r];
    predicted.push_back(y[r] - error);
    fit.mape += std::abs(error) / y[r] / static_cast<double>(y.size());
  }
  fit.kendall_tau = kendall_tau(predicted, y);
  return fit;
}

}  // namespace

LatencyModel LatencyModel::fit(const Blueprint& blueprint, std::span<const LatencyPoint> points,
                               LatencyFit* quality) {
  check_points(points);
  LatencyModel model;
  model.blueprint_ = blueprint;
  model.workload_.device = points[0].device;
  model.workload_.threads = points[0].threads;
  model.workload_.seconds = points[0].seconds;
  model.workload_.dtype = points[0].dtype;
  const int64_t samples = workload_samples(blueprint, model.workload_.seconds);
  std::vector<std::vector<double>> features;
  std::vector<double> y;
  for (const LatencyPoint& point : points) {
    features.push_back(latency_features(blueprint, point.architecture, samples));
    y.push_back(point.p50_ms);
  }
  Problem problem = standardise(features, y);
  Ridge ridge = best_ridge(problem);
  if (!std::isfinite(ridge.loss))
    throw NumericError("the latency model could not be fitted: its points are degenerate");
  if (quality != nullptr) *quality = measure(problem, ridge, y);
  model.intercept_ = problem.target_mean;
  model.weights_ = std::move(ridge.weights);
  model.mean_ = std::move(problem.mean);
  model.scale_ = std::move(problem.scale);
  return model;
}

double LatencyModel::predict_ms(const Architecture& architecture) const {
  const std::vector<double> features =
      latency_features(blueprint_, architecture, workload_samples(blueprint_, workload_.seconds));
  CONCERTINA_ASSERT(features.size() == weights_.size());
  double ms = intercept_;
  for (size_t i = 0; i < features.size(); ++i) {
    if (scale_[i] > 0) ms += weights_[i] * (features[i] - mean_[i]) / scale_[i];
  }
  return std::max(0.0, ms);
}

std::string LatencyModel::to_json() const {
  return Json{{"format", kFormat},
              {"blueprint", Json::parse(blueprint_.to_json())},
              {"device", workload_.device},
              {"threads", workload_.threads},
              {"seconds", workload_.seconds},
              {"dtype", workload_.dtype},
              {"features", latency_feature_names()},
              {"intercept", intercept_},
              {"weights", weights_},
              {"mean", mean_},
              {"scale", scale_}}
      .dump();
}

LatencyModel LatencyModel::from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    if (json.at("format") != kFormat || json.at("features") != latency_feature_names()) {
      throw InputError(
          "the latency model was fitted by another version of Concertina: fit it again");
    }
    LatencyModel model;
    model.blueprint_ = Blueprint::from_json(json.at("blueprint").dump());
    model.workload_.device = json.at("device");
    model.workload_.threads = json.at("threads");
    model.workload_.seconds = json.at("seconds");
    model.workload_.dtype = json.at("dtype");
    model.intercept_ = json.at("intercept");
    for (auto [key, field] : {std::pair("weights", &model.weights_),
                              {"mean", &model.mean_},
                              {"scale", &model.scale_}}) {
      *field = json.at(key).get<std::vector<double>>();
      if (field->size() != latency_feature_names().size())
        throw InputError(fmt::format("the latency model's '{}' has a wrong length", key));
    }
    return model;
  } catch (const Json::exception& error) {
    throw InputError(fmt::format("the latency model is malformed: {}", error.what()));
  }
}

std::string LatencyModel::sha256() const { return concertina::sha256(to_json()); }

double kendall_tau(std::span<const double> a, std::span<const double> b) {
  CONCERTINA_ASSERT(a.size() == b.size());
  int64_t concordant = 0, discordant = 0, tied_a = 0, tied_b = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t j = i + 1; j < a.size(); ++j) {
      const int da = (a[i] > a[j]) - (a[i] < a[j]);
      const int db = (b[i] > b[j]) - (b[i] < b[j]);
      concordant += da * db > 0;
      discordant += da * db < 0;
      tied_a += da == 0;
      tied_b += db == 0;
    }
  }
  const auto pairs = static_cast<double>(a.size()) * (static_cast<double>(a.size()) - 1) / 2;
  const double scale =
      std::sqrt((pairs - static_cast<double>(tied_a)) * (pairs - static_cast<double>(tied_b)));
  return scale > 0 ? static_cast<double>(concordant - discordant) / scale : 0;
}

}  // namespace concertina
