#include "apps/study_setup.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/version.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/files.h"
#include "eval/subnet_evaluator.h"

namespace concertina {
namespace {

StudyHeader header_of(const PipelineConfig& config, const Workspace& space,
                      const Supernet& supernet, const Manifest& manifest) {
  StudyHeader header;
  header.space_json = supernet.space().to_json();
  header.seed = config.seed;
  header.config = config.effective;
  header.versions = versions_json();
  header.data = manifest.fingerprint();
  header.model = nlohmann::json{{"path", space.student(2).lexically_relative(space.out).string()},
                                {"sha256", sha256_file(space.student(2))}}
                     .dump();
  header.device = cpu_name();
  header.objectives = metrics_named(config.search.objectives, "search.objectives");
  header.recorded = metrics_named(config.search.record, "search.record");
  return header;
}

std::string difference(const StudyHeader& there, const StudyHeader& wanted) {
  if (there.model != wanted.model) return "another supernet";
  if (there.space_json != wanted.space_json) return "another search space";
  if (there.data != wanted.data) return "other data";
  if (there.seed != wanted.seed) return fmt::format("seed {}", there.seed);
  if (there.objectives != wanted.objectives) return "other objectives";
  return "";
}

}  // namespace

std::vector<MetricInfo> metrics_named(const std::vector<std::string>& names,
                                      const std::string& where) {
  std::vector<std::string> known_names;
  for (const Metric& metric : known_metrics())
    if (!is_measured_time(metric.name)) known_names.emplace_back(metric.name);
  std::vector<MetricInfo> metrics;
  for (const std::string& name : names) {
    if (std::ranges::count(known_names, name) == 0) {
      throw InputError(fmt::format("{}: unknown metric '{}'{}; metrics are {}", where, name,
                                   did_you_mean(name, known_names), fmt::join(known_names, ", ")));
    }
    metrics.push_back(find_metric(name)->info());
  }
  return metrics;
}

StudyFile open_or_begin_study(const PipelineConfig& config, const Workspace& space,
                              const Supernet& supernet, const Manifest& manifest) {
  const StudyHeader header = header_of(config, space, supernet, manifest);
  if (!std::filesystem::exists(space.study())) return StudyFile::create(space.study(), header);
  StudyFile study = StudyFile::open(space.study());
  const std::string other = difference(study.header(), header);
  if (!other.empty()) {
    throw InputError(fmt::format("{} is a study of {}: move it away or give another --out",
                                 space.study().string(), other));
  }
  return study;
}

std::string versions_json() {
  return nlohmann::json{
      {"concertina", CONCERTINA_VERSION}, {"torch", TORCH_VERSION}, {"compiler", __VERSION__}}
      .dump();
}

}  // namespace concertina
