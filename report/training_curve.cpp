#include "report/training_curve.h"

#include <fmt/format.h>

#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/errors.h"
#include "core/files.h"

namespace concertina {
namespace {

using Json = nlohmann::json;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

struct Row {
  double loss = kNone;
  std::map<std::string, double> validation;
};

double number_at(const Json& json, const std::string& key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number() ? found->get<double>() : kNone;
}

void parse_line(const Json& json, std::map<double, Row>& rows) {
  const double step = number_at(json, "step");
  if (!(step >= 0)) return;
  if (json.contains("loss")) rows[step].loss = number_at(json, "loss");
  const auto validation = json.find("validation");
  if (validation == json.end() || !validation->is_object()) return;
  for (const auto& [name, value] : validation->items())
    if (value.is_number()) rows[step].validation[name] = value.get<double>();
}

}  // namespace

TrainingCurve read_training_curve(const std::filesystem::path& metrics_jsonl,
                                  const std::string& title) {
  std::map<double, Row> rows;
  std::istringstream lines(read_text(metrics_jsonl));
  int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const Json json = Json::parse(line, nullptr, false);
    if (json.is_object())
      parse_line(json, rows);
    else if (!line.empty() && !lines.eof())
      throw InputError(fmt::format("{}:{}: not a line of training metrics (a JSON object)",
                                   metrics_jsonl.string(), number));
  }
  TrainingCurve curve{.title = title, .step = {}, .loss = {}, .validation = {}};
  std::map<std::string, std::vector<double>> validation;
  for (const auto& [step, row] : rows)
    for (const auto& [name, value] : row.validation) validation[name];
  for (const auto& [step, row] : rows) {
    curve.step.push_back(step);
    curve.loss.push_back(row.loss);
    for (auto& [name, values] : validation) {
      const auto found = row.validation.find(name);
      values.push_back(found == row.validation.end() ? kNone : found->second);
    }
  }
  curve.validation.assign(validation.begin(), validation.end());
  return curve;
}

}  // namespace concertina
