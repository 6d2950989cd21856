#include "study/latency/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "study/latency/features.h"
#include "study/latency/fit.h"
#include "supernet/space/blueprint_config.h"

namespace concertina {
namespace {

using Json = nlohmann::json;

constexpr int64_t kLeastPoints = 8;

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

// The times of one subnet, from one or several profiles, form a group.
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

std::vector<double> read_numbers(const Json& json, const char* key, int32_t format) {
  auto numbers = json.at(key).get<std::vector<double>>();
  if (numbers.size() != latency_feature_names(format).size())
    throw InputError(fmt::format("the latency model's '{}' has the wrong length", key));
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
    throw InputError("the latency model's interval is invalid");
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
  model.held_out_ = latency_error(held_out_ms(rows), rows.ms);
  return model;
}

double LatencyModel::predict_ms(const Architecture& architecture) const {
  const std::vector<double> features = latency_features(
      blueprint_, architecture, workload_samples(blueprint_, workload_.seconds), format_);
  CONCERTINA_ASSERT(features.size() == weights_.size());
  double ms = intercept_;
  if (format_ != 1) {
    for (size_t i = 0; i < features.size(); ++i) ms += weights_[i] * features[i];
    return ms;
  }
  for (size_t i = 0; i < features.size(); ++i) {
    if (scale_[i] > 0) ms += weights_[i] * (features[i] - mean_[i]) / scale_[i];
  }
  return std::max(0.0, ms);  // as the studies of that format predicted
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
                        {"coverage", kLatencyCoverage},
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

}  // namespace concertina
