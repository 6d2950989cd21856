#include "search/latency_model.h"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/files.h"
#include "search/latency_features.h"

namespace concertina {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;
using Json = nlohmann::json;

constexpr int64_t kLeastPoints = 8;
constexpr int32_t kFormat = 1;

int64_t workload_samples(const Blueprint& blueprint, double seconds) {
  return std::llround(seconds * blueprint.sample_rate);
}

void check_points(std::span<const LatencyPoint> points) {
  if (static_cast<int64_t>(points.size()) < kLeastPoints) {
    throw InputError(fmt::format("a latency model needs at least {} profiled subnets; there are {}", kLeastPoints, points.size()));
  }
  const LatencyPoint& first = points[0];
  for (const LatencyPoint& p : points) {
    if (p.device != first.device || p.threads != first.threads || p.seconds != first.seconds || p.dtype != first.dtype) {
      throw InputError(fmt::format("latency points of different workloads cannot be fitted together: {}, {} threads, {} s, {} "
                                   "and {}, {} threads, {} s, {}", first.device, first.threads, first.seconds, first.dtype,
                                   p.device, p.threads, p.seconds, p.dtype));
    }
    if (!(p.p50_ms > 0) || !std::isfinite(p.p50_ms)) {
      throw InputError(fmt::format("the latency of '{}' is {} ms; a positive time was expected", p.architecture.key(), p.p50_ms));
    }
  }
}

// Least squares of the relative error: every row is weighted by 1 / y. The intercept is not penalised: columns and
// target are centred by their weighted means, which makes it orthogonal to the rest.
struct Problem {
  MatrixXd rows;               // weighted, standardised
  VectorXd target, row_weight; // weighted and centred; sqrt of the weights, which sum to n
  VectorXd mean, scale;
  double target_mean = 0;
};

Problem standardise(const MatrixXd& features, const VectorXd& y) {
  Problem problem;
  const auto n = static_cast<double>(y.size());
  VectorXd weight = y.array().square().inverse();
  weight *= n / weight.sum();
  problem.mean = features.transpose() * weight / n;
  problem.target_mean = weight.dot(y) / n;
  const MatrixXd centred = features.rowwise() - problem.mean.transpose();
  const VectorXd variance = centred.array().square().matrix().transpose() * weight / n;
  problem.scale = variance.array().sqrt();
  // A feature that does not vary among the points says nothing: scale 0 switches it off.
  const VectorXd inverse = problem.scale.binaryExpr(problem.mean, [](double s, double m) { return s > 1e-9 * std::abs(m) && s > 0 ? 1 / s : 0.0; });
  problem.scale = inverse.unaryExpr([](double i) { return i > 0 ? 1 / i : 0.0; });
  problem.row_weight = weight.array().sqrt();
  problem.rows = problem.row_weight.asDiagonal() * centred * inverse.asDiagonal();
  problem.target = problem.row_weight.asDiagonal() * (y.array() - problem.target_mean).matrix();
  return problem;
}

struct Ridge {
  VectorXd weights;
  VectorXd held_out;  // weighted leave-one-out residuals, e / (1 - leverage)
  double loss = std::numeric_limits<double>::infinity();
};

Ridge solve(const Problem& problem, const Eigen::SelfAdjointEigenSolver<MatrixXd>& eigen, double lambda) {
  const VectorXd inverse = (eigen.eigenvalues().array().max(0) + lambda).inverse();
  Ridge ridge;
  ridge.weights = eigen.eigenvectors() * inverse.asDiagonal() * eigen.eigenvectors().transpose() * (problem.rows.transpose() * problem.target);
  const MatrixXd rotated = problem.rows * eigen.eigenvectors();
  const auto n = static_cast<double>(problem.target.size());
  const VectorXd leverage = rotated.array().square().matrix() * inverse + problem.row_weight.array().square().matrix() / n;
  const VectorXd residual = problem.target - problem.rows * ridge.weights;
  ridge.held_out = residual.array() / (1 - leverage.array()).max(1e-9);
  ridge.loss = ridge.held_out.squaredNorm();
  return ridge;
}

Ridge best_ridge(const Problem& problem) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(problem.rows.transpose() * problem.rows);
  Ridge best;
  for (int step = -12; step <= 2; ++step) {
    Ridge ridge = solve(problem, eigen, std::pow(10.0, 0.5 * step) * static_cast<double>(problem.target.size()));
    if (ridge.loss < best.loss) best = std::move(ridge);
  }
  return best;
}

LatencyFit measure(const Problem& problem, const Ridge& ridge, const VectorXd& y) {
  const VectorXd error = ridge.held_out.array() / problem.row_weight.array();
  const VectorXd predicted = y - error;
  LatencyFit fit;
  fit.points = y.size();
  fit.mape = (error.array().abs() / y.array()).mean();
  fit.kendall_tau = kendall_tau({predicted.data(), static_cast<size_t>(y.size())}, {y.data(), static_cast<size_t>(y.size())});
  return fit;
}

std::vector<double> to_vector(const VectorXd& v) { return {v.data(), v.data() + v.size()}; }

}  // namespace

LatencyModel LatencyModel::fit(const Blueprint& blueprint, std::span<const LatencyPoint> points, LatencyFit* quality) {
  check_points(points);
  LatencyModel model;
  model.blueprint_ = blueprint;
  model.workload_.device = points[0].device;
  model.workload_.threads = points[0].threads;
  model.workload_.seconds = points[0].seconds;
  model.workload_.dtype = points[0].dtype;
  const int64_t samples = workload_samples(blueprint, model.workload_.seconds);
  const auto n = static_cast<Eigen::Index>(points.size());
  MatrixXd features(n, static_cast<Eigen::Index>(latency_feature_names().size()));
  VectorXd y(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const LatencyPoint& point = points[static_cast<size_t>(i)];
    const std::vector<double> row = latency_features(blueprint, point.architecture, samples);
    features.row(i) = Eigen::Map<const Eigen::RowVectorXd>(row.data(), features.cols());
    y(i) = point.p50_ms;
  }
  const Problem problem = standardise(features, y);
  const Ridge ridge = best_ridge(problem);
  if (!std::isfinite(ridge.loss)) throw NumericError("the latency model could not be fitted: its points are degenerate");
  model.intercept_ = problem.target_mean;
  model.weights_ = to_vector(ridge.weights);
  model.mean_ = to_vector(problem.mean);
  model.scale_ = to_vector(problem.scale);
  if (quality != nullptr) *quality = measure(problem, ridge, y);
  return model;
}

double LatencyModel::predict_ms(const Architecture& architecture) const {
  const std::vector<double> features = latency_features(blueprint_, architecture, workload_samples(blueprint_, workload_.seconds));
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
      throw InputError("the latency model was fitted by another version of Concertina: fit it again");
    }
    LatencyModel model;
    model.blueprint_ = Blueprint::from_json(json.at("blueprint").dump());
    model.workload_.device = json.at("device");
    model.workload_.threads = json.at("threads");
    model.workload_.seconds = json.at("seconds");
    model.workload_.dtype = json.at("dtype");
    model.intercept_ = json.at("intercept");
    for (auto [key, field] : {std::pair("weights", &model.weights_), {"mean", &model.mean_}, {"scale", &model.scale_}}) {
      *field = json.at(key).get<std::vector<double>>();
      if (field->size() != latency_feature_names().size()) throw InputError(fmt::format("the latency model's '{}' has a wrong length", key));
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
  const double scale = std::sqrt((pairs - static_cast<double>(tied_a)) * (pairs - static_cast<double>(tied_b)));
  return scale > 0 ? static_cast<double>(concordant - discordant) / scale : 0;
}

}  // namespace concertina
