#include "pipeline/superb_results.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/errors.h"
#include "core/files.h"

namespace concertina {
namespace {

using ResultsOfModels = std::vector<std::pair<std::string, SuperbResults>>;

void expect_superb_metric(const std::string& name) {
  if (find_superb_metric(name) != nullptr) return;
  std::vector<std::string> names;
  for (const SuperbMetric& metric : superb_metrics()) names.emplace_back(metric.name);
  throw InputError(fmt::format("'{}' is no metric of SUPERB{}; metrics are {}", name,
                               did_you_mean(name, names), fmt::join(names, ", ")));
}

double checked_result(const std::string& name, double value) {
  if (!std::isfinite(value)) throw InputError(name + " is not a finite number");
  if (name == "QbE" && std::abs(value) > 1)
    throw InputError(fmt::format(
        "QbE is the maximum term weighted value, at most 1, and is {:g}: is it in per cent?",
        value));
  return value;
}

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream stream(line);
  for (std::string field; std::getline(stream, field, '\t');) fields.push_back(field);
  return fields;
}

double parsed_result(const std::string& name, const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw InputError(fmt::format("{} is '{}', which is no number", name, text));
  return checked_result(name, value);
}

SuperbResults row_results(const std::vector<std::string>& columns,
                          const std::vector<std::string>& fields) {
  if (fields.size() > columns.size())
    throw InputError(fmt::format("{} fields for {} columns", fields.size(), columns.size()));
  SuperbResults results;
  for (size_t i = 1; i < fields.size(); ++i) {
    if (!fields[i].empty() && fields[i] != "-")
      results[columns[i]] = parsed_result(columns[i], fields[i]);
  }
  return results;
}

ResultsOfModels read_superb_tsv(const std::string& text) {
  ResultsOfModels models;
  std::vector<std::string> columns;
  std::istringstream lines(text);
  int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    try {
      const std::vector<std::string> fields = fields_of(line);
      if (!columns.empty()) {
        models.emplace_back(fields[0], row_results(columns, fields));
        continue;
      }
      if (fields[0] != "model") throw InputError("the first column is not 'model'");
      for (size_t i = 1; i < fields.size(); ++i) expect_superb_metric(fields[i]);
      columns = fields;
    } catch (const InputError& error) {
      throw InputError(fmt::format("line {}: {}", number, error.what()));
    }
  }
  return models;
}

ResultsOfModels read_superb_json(const std::string& text) {
  ResultsOfModels models;
  const auto json = nlohmann::ordered_json::parse(text);
  for (const auto& [name, results] : json.items()) {
    SuperbResults& of_model = models.emplace_back(name, SuperbResults()).second;
    for (const auto& [metric, value] : results.items()) {
      expect_superb_metric(metric);
      if (!value.is_number())
        throw InputError(
            fmt::format("{} of '{}' is {}, which is no number", metric, name, value.dump()));
      of_model[metric] = checked_result(metric, value.get<double>());
    }
  }
  return models;
}

}  // namespace

ResultsOfModels read_superb_results(const std::filesystem::path& file) {
  const std::string text = read_text(file);
  const size_t start = text.find_first_not_of(" \t\r\n");
  try {
    ResultsOfModels models = start != std::string::npos && text[start] == '{'
                                 ? read_superb_json(text)
                                 : read_superb_tsv(text);
    if (models.empty()) throw InputError("no model in it");
    return models;
  } catch (const nlohmann::json::exception& error) {
    throw InputError(fmt::format("{}: {}", file.string(), error.what()));
  } catch (const InputError& error) {
    throw InputError(fmt::format("{}: {}", file.string(), error.what()));
  }
}

}  // namespace concertina
