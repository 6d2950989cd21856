#include "eval/fingerprints.h"

#include <ATen/Version.h>
#include <c10/core/ScalarType.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/version.h>

#include "eval/latency.h"
#include "eval/subnet_evaluator.h"
#include "eval/task_data.h"
#include "eval/task_kinds.h"

namespace concertina {
namespace {

// A change of how a metric is computed raises its version.
constexpr const char* kSizeVersion = "1";
constexpr const char* kDistillVersion = "1";
constexpr const char* kTaskVersion = "3";
constexpr const char* kTeacherVersion = "1";
constexpr const char* kTrainedVersion = "1";
constexpr const char* kClipProbeVersion = "2";  // of probes that are trained on whole clips

void add_machine(Facts& facts) {
  facts["LibTorch"] = TORCH_VERSION;
  facts["CPU"] = fmt::format("{}, {}", cpu_name(), at::get_cpu_capability());
}

std::string dev_audio(const Manifest& manifest) {
  return hash_of_clips(manifest, [](const Clip& clip) {
    return clip.split == Split::kDev ? fmt::format("{}\t{}", audio_of(clip), clip.source)
                                     : std::string();
  });
}

void add_source_weights(Facts& facts, const std::map<std::string, double>& weights) {
  for (const auto& [source, weight] : weights)
    facts[fmt::format("source_weight.{}", source)] = fmt::format("{}", weight);
}

Facts distill_facts(const ScoreSources& sources) {
  const DistillScoreOptions& options = *sources.distill;
  Facts facts = {{"version", kDistillVersion},
                 {"supernet", sources.supernet},
                 {"teacher", sources.teacher},
                 {"objective", sources.objective},
                 {"data", dev_audio(*sources.manifest)},
                 {"crops", fmt::format("{}", options.crops)},
                 {"seconds", fmt::format("{}", options.seconds)},
                 {"seed", fmt::format("{}", options.seed)}};
  add_source_weights(facts, options.source_weight);
  add_machine(facts);
  return facts;
}

Facts teacher_facts(const ScoreSources& sources) {
  const TeacherScoreOptions& options = *sources.teacher_score;
  const std::string data = hash_of_clips(*sources.manifest, [](const Clip& clip) {
    if (clip.split == Split::kTest) return std::string();
    return fmt::format("{}\t{}\t{}\t{}", audio_of(clip), clip.source, clip.speaker, clip.group);
  });
  Facts facts = {
      {"version", kTeacherVersion},
      {"supernet", sources.supernet},
      {"teacher", sources.teacher},
      {"objective", sources.objective},
      {"tasks.teacher_layers", fmt::format("{}", fmt::join(sources.tasks.teacher_layers, ","))},
      {"data", data},
      {"seconds", fmt::format("{}", options.seconds)},
      {"seed", fmt::format("{}", options.seed)}};
  add_source_weights(facts, options.source_weight);
  add_machine(facts);
  return facts;
}

Facts task_facts(const ScoreSources& sources, const std::string& task) {
  const TaskOptions& options = sources.tasks;
  const TaskKind& kind = task_kind(task);
  const Manifest clips = task_manifest(*sources.manifest, options, task);
  Facts facts = kind.facts(clips, options);
  if (options.fidelity < 1) {
    facts["tasks.fidelity"] = fmt::format("{}", options.fidelity);
    if (kind.fidelity_version) facts["fidelity version"] = kind.fidelity_version;
  }
  facts.merge(Facts{{"version", kTaskVersion},
                    {"supernet", sources.supernet},
                    {"tasks.clip_seconds", fmt::format("{}", options.clip_seconds)},
                    {"tasks.layers", std::string(enum_name(options.layers))},
                    {"dtype", c10::toString(sources.task_dtype)}});
  add_machine(facts);
  return facts;
}

}  // namespace

Fingerprints metric_fingerprints(const ScoreSources& sources) {
  Fingerprints all = {
      {"params", {{"version", kSizeVersion}}},
      {"macs", {{"version", kSizeVersion}, {"seconds", fmt::format("{}", kMacsSeconds)}}}};
  if (sources.latency) all["latency.pred_ms"] = {{"latency model", sources.latency->sha256()}};
  if (sources.distill) all[kDistillMetric] = distill_facts(sources);
  if (sources.teacher_score) {
    for (const char* metric : kTeacherMetrics) all[metric] = teacher_facts(sources);
  }
  for (const std::string& task : sources.tasks.tasks) {
    const Facts facts = task_facts(sources, task);
    for (const Metric& metric : known_metrics()) {
      const bool trained = is_trained_metric(metric.name);
      const bool matched = is_matched_metric(metric.name);
      if (!metric.name.starts_with(task + ".") || (trained && !sources.tasks.trained) ||
          (matched && sources.tasks.probe_width == 0))
        continue;
      Facts& own = all[std::string(metric.name)] = facts;
      if (trained)
        own["trained probe"] = task_kind(task).trained_only ? kClipProbeVersion : kTrainedVersion;
      if (matched) own["tasks.probe_width"] = fmt::format("{}", sources.tasks.probe_width);
    }
  }
  return all;
}

}  // namespace concertina
