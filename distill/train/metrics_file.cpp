#include "distill/train/metrics_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/files.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kRecords = 2000;

Json terms_of(const LossValues& loss) {
  Json json = Json::object();
  for (const auto& [name, value] : loss.terms) json[name] = value;
  return json;
}

bool is_done(const std::string& line, const StartReport& start) {
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return false;
  const int64_t step = json.value("step", start.step + 1);
  return step < start.step ||
         (step == start.step && (start.validated || !json.contains("validation")));
}

}  // namespace

int64_t recording_interval(int64_t steps) { return std::max<int64_t>(1, steps / kRecords); }

MetricsFile::MetricsFile(std::filesystem::path path) : path_(std::move(path)) {}

void MetricsFile::on_start(const StartReport& start) {
  interval_ = recording_interval(start.steps);
  std::string kept;
  if (std::filesystem::exists(path_)) {
    std::istringstream lines(read_text(path_));
    for (std::string line; std::getline(lines, line);) {
      if (is_done(line, start)) kept += line + '\n';
    }
  }
  write_atomically(path_, kept);
}

void MetricsFile::on_step(const StepReport& report) {
  if (!report.skipped && report.step % interval_ != 0 && report.step != report.steps) return;
  Json json = {{"step", report.step},
               {"loss", report.loss.total},
               {"terms", terms_of(report.loss)},
               {"lr", report.lr},
               {"grad_norm", report.grad_norm},
               {"audio_s_per_s", report.audio_s_per_s},
               {"wall_s", report.wall_s}};
  if (report.skipped) json["skipped"] = true;
  append_line(path_, json.dump());
}

void MetricsFile::on_validation(const ValidationReport& report) {
  Json totals = Json::object(), errors = Json::object(), terms = Json::object();
  for (const auto& [name, loss] : report.sizes) {
    totals[name] = loss.total;
    errors[name] = loss.standard_error;
    terms[name] = terms_of(loss);
  }
  Json json = {
      {"step", report.step}, {"validation", totals}, {"terms", terms}, {"standard_error", errors}};
  for (const auto& [name, loss] : report.other_sizes) {
    json["validation_" + report.other_weights][name] = loss.total;
  }
  append_line(path_, json.dump());
}

}  // namespace concertina
