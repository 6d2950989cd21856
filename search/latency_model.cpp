#include "search/latency_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/files.h"
#include "search/latency_features.h"
#include "search/latency_fit.h"
#include "supernet/space/blueprint_config.h"

namespace concertina {
namespace {

using Json = nlohmann::json;

constexpr int64_t kLeastPoints = 8;
constexpr double kCoverage = 0.9;

int64_t workload_samples(const Blueprint& blueprint, double seconds) {
  return std::llround(seconds * blueprint.sample_rate);
}

void check_points(std::span<const LatencyPoint> points) {
  for (const LatencyPoint& p : points) {
    if (!same_workload(p, points[0])) {
      throw InputError(
          fmt::format("latency points of different workloads cannot be fitted together: {}; and {}",
                      workload_text(points[0]), workload_text(p)));
    }
    if (!(p.p50_ms > 0) || !std::isfinite(p.p50_ms)) {
      throw InputError(fmt::format("the latency of '{}' is {} ms; a positive time was expected",
                                   p.architecture.key(), p.p50_ms));
    }
  }
}

// Times of one subnet, from several profiles, form a group.
TimedRows rows_of(const Blueprint& blueprint, std::span<const LatencyPoint> points) {
  TimedRows rows;
  std::map<std::string, int64_t> groups;
  for (const LatencyPoint& p : points) {
    rows.features.push_back(
        latency_features(blueprint, p.architecture, workload_samples(blueprint, p.seconds)));
    rows.ms.push_back(p.p50_ms);
    rows.group.push_back(
        groups.emplace(p.architecture.key(), static_cast<int64_t>(groups.size())).first->second);
  }
  if (static_cast<int64_t>(groups.size()) < kLeastPoints) {
    throw InputError(fmt::format("a latency model needs at least {} profiled subnets; there are {}",
                                 kLeastPoints, groups.size()));
  }
  return rows;
}

LatencyError error_of(std::span<const double> predicted, std::span<const double> measured) {
  LatencyError error;
  error.points = static_cast<int64_t>(measured.size());
  const auto n = static_cast<double>(error.points);
  std::vector<double> ratios;
  for (size_t r = 0; r < measured.size(); ++r) {
    if (!(predicted[r] > 0))
      throw NumericError("the latency model could not be fitted: its points are degenerate");
    error.mape += std::abs(predicted[r] - measured[r]) / measured[r] / n;
    ratios.push_back(measured[r] / predicted[r]);
  }
  error.kendall_tau = kendall_tau(predicted, measured);
  // Ranks of split conformal prediction; with few points they are the extremes.
  std::ranges::sort(ratios);
  const auto low = static_cast<int64_t>(std::floor((n + 1) * (1 - kCoverage) / 2));
  const auto high = static_cast<int64_t>(std::ceil((n + 1) * (1 + kCoverage) / 2));
  error.low = ratios[static_cast<size_t>(std::max<int64_t>(low, 1) - 1)];
  error.high = ratios[static_cast<size_t>(std::min(high, error.points) - 1)];
  return error;
}

std::vector<double> read_numbers(const Json& json, const char* key, int32_t format) {
  auto numbers = json.at(key).get<std::vector<double>>();
  if (numbers.size() != latency_feature_names(format).size())
    throw InputError(fmt::format("the latency model's '{}' has a wrong length", key));
  return numbers;
}

LatencyError read_error(const Json& json) {
  LatencyError error;
  json.at("points").get_to(error.points);
  json.at("mape").get_to(error.mape);
  json.at("kendall_tau").get_to(error.kendall_tau);
  json.at("low").get_to(error.low);
  json.at("high").get_to(error.high);
  if (!(error.low > 0) || !(error.high >= error.low))
    throw InputError("the latency model's interval is not one");
  return error;
}

}  // namespace

LatencyModel LatencyModel::fit(const Blueprint& blueprint, std::span<const LatencyPoint> points) {
  check_points(points);
  const TimedRows rows = rows_of(blueprint, points);
  NonNegativeSum sum = fit_non_negative(rows);
  LatencyModel model;
  model.blueprint_ = blueprint;
  model.workload_.device = points[0].device;
  model.workload_.threads = points[0].threads;
  model.workload_.seconds = points[0].seconds;
  model.workload_.dtype = points[0].dtype;
  model.format_ = kLatencyFormat;
  model.intercept_ = sum.intercept;
  model.weights_ = std::move(sum.weights);
  model.held_out_ = error_of(held_out_ms(rows), rows.ms);
  return model;
}

double LatencyModel::predict_ms(const Architecture& architecture) const {
  const std::vector<double> features =
      latency_features(blueprint_, architecture, workload_samples(blueprint_, workload_.seconds),
                       format_);
  CONCERTINA_ASSERT(features.size() == weights_.size());
  double ms = intercept_;
  if (format_ != 1) {
    for (size_t i = 0; i < features.size(); ++i) ms += weights_[i] * features[i];
    return ms;
  }
  for (size_t i = 0; i < features.size(); ++i) {
    if (scale_[i] > 0) ms += weights_[i] * (features[i] - mean_[i]) / scale_[i];
  }
  return std::max(0.0, ms);  // what studies of that format were searched with
}

std::string LatencyModel::to_json() const {
  Json json = {{"format", format_},
               {"blueprint", Json::parse(json_of(blueprint_))},
               {"device", workload_.device},
               {"threads", workload_.threads},
               {"seconds", workload_.seconds},
               {"dtype", workload_.dtype},
               {"features", latency_feature_names(format_)},
               {"intercept", intercept_},
               {"weights", weights_}};
  if (format_ == 1) {
    json["mean"] = mean_;
    json["scale"] = scale_;
  }
  if (held_out_) {
    json["held_out"] = {{"points", held_out_->points},
                        {"mape", held_out_->mape},
                        {"kendall_tau", held_out_->kendall_tau},
                        {"coverage", kCoverage},
                        {"low", held_out_->low},
                        {"high", held_out_->high}};
  }
  return json.dump();
}

LatencyModel LatencyModel::from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    LatencyModel model;
    json.at("format").get_to(model.format_);
    if (model.format_ < 1 || model.format_ > kLatencyFormat ||
        json.at("features") != latency_feature_names(model.format_)) {
      throw InputError(
          "the latency model was fitted by another version of Concertina: fit it again");
    }
    model.blueprint_ = blueprint_from_json(json.at("blueprint").dump());
    model.workload_.device = json.at("device");
    model.workload_.threads = json.at("threads");
    model.workload_.seconds = json.at("seconds");
    model.workload_.dtype = json.at("dtype");
    model.intercept_ = json.at("intercept");
    model.weights_ = read_numbers(json, "weights", model.format_);
    if (model.format_ == 1) {
      model.mean_ = read_numbers(json, "mean", model.format_);
      model.scale_ = read_numbers(json, "scale", model.format_);
    } else {
      model.held_out_ = read_error(json.at("held_out"));
    }
    return model;
  } catch (const Json::exception& error) {
    throw InputError(fmt::format("the latency model is malformed: {}", error.what()));
  }
}

std::string LatencyModel::sha256() const { return concertina::sha256(to_json()); }

bool same_workload(const LatencyPoint& a, const LatencyPoint& b) {
  return a.device == b.device && a.threads == b.threads && a.seconds == b.seconds &&
         a.dtype == b.dtype;
}

std::string workload_text(const LatencyPoint& point) {
  if (point.device.empty()) return "a workload that was not recorded";
  return fmt::format("{}, {} thread{}, {:g} s of audio, {}", point.device, point.threads,
                     point.threads == 1 ? "" : "s", point.seconds, point.dtype);
}

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
