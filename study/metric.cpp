#include "study/metric.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/format.h"

namespace concertina {
namespace {

constexpr Direction kDown = Direction::kMinimise, kUp = Direction::kMaximise;
constexpr std::string_view kTestPrefix = "test.";

constexpr Metric count(std::string_view name, std::string_view unit) {
  return {name, kDown, unit, NumberFormat::kCount, ScoredOn::kArchitecture};
}
constexpr Metric time(std::string_view name, ScoredOn source) {
  return {name, kDown, "ms", NumberFormat::kMilliseconds, source};
}
constexpr Metric per_cent(std::string_view name, Direction direction) {
  return {name, direction, "%", NumberFormat::kPercent, ScoredOn::kClips};
}

constexpr std::array kMetrics = {
    count("params", "params"),
    count("macs", "MACs"),
    time("latency.pred_ms", ScoredOn::kArchitecture),
    Metric{"distill.l1", kDown, "", NumberFormat::kNumber, ScoredOn::kClips},
    // Without labels: docs/proxies.md.
    Metric{"teacher.r2", kUp, "", NumberFormat::kNumber, ScoredOn::kClips},
    Metric{"teacher.cka", kUp, "", NumberFormat::kNumber, ScoredOn::kClips},
    per_cent("teacher.loyalty_label", kUp),
    Metric{"teacher.loyalty_prob", kUp, "", NumberFormat::kNumber, ScoredOn::kClips},
    Metric{"teacher.loyalty_pearson", kUp, "", NumberFormat::kNumber, ScoredOn::kClips},
    Metric{"rankme", kUp, "", NumberFormat::kNumber, ScoredOn::kClips},
    // Phone recognition with a ridge or an LDA probe; non-pause frames use the setting chosen on
    // all frames.
    per_cent("pr.frame_acc", kUp),
    per_cent("pr.frame_acc_lda", kUp),
    per_cent("pr.frame_acc_wsum", kUp),     // SUPERB's trained probe
    per_cent("pr.frame_acc_matched", kUp),  // of random projections to one width
    per_cent("pr.frame_acc_lda_matched", kUp),
    per_cent("pr.nonpause_acc", kUp),
    per_cent("pr.nonpause_acc_lda", kUp),
    per_cent("sid.acc", kUp),  // LDA
    per_cent("sid.acc_ridge", kUp),
    per_cent("sid.acc_wsum", kUp),
    per_cent("sid.acc_matched", kUp),
    per_cent("sid.acc_ridge_matched", kUp),
    per_cent("asv.eer", kDown),
    Metric{"asv.min_dcf", kDown, "", NumberFormat::kNumber, ScoredOn::kClips},
    per_cent("asv.eer_plda", kDown),
    Metric{"asv.min_dcf_plda", kDown, "", NumberFormat::kNumber, ScoredOn::kClips},
    per_cent("abx.error", kDown),  // of phones, within speakers
    per_cent("abx_across.error", kDown),
    Metric{"pnmi.phones", kUp, "", NumberFormat::kNumber, ScoredOn::kClips},  // of k-means units
    Metric{"qbe.mtwv", kUp, "", NumberFormat::kNumber, ScoredOn::kClips},
    // SUPERB's PR and ASR: probes trained with CTC.
    per_cent("per.per_wsum", kDown),
    per_cent("asr.wer_wsum", kDown),
    per_cent("asr.cer_wsum", kDown),
    per_cent("ks.acc", kUp),  // LDA
    per_cent("ks.acc_ridge", kUp),
    per_cent("ks.acc_wsum", kUp),
    per_cent("ks.acc_matched", kUp),
    per_cent("ks.acc_ridge_matched", kUp),
    per_cent("ic.acc", kUp),  // LDA
    per_cent("ic.acc_ridge", kUp),
    per_cent("ic.acc_wsum", kUp),
    per_cent("ic.acc_matched", kUp),
    per_cent("ic.acc_ridge_matched", kUp),
    per_cent("er.acc", kUp),  // LDA
    per_cent("er.acc_ridge", kUp),
    per_cent("er.acc_wsum", kUp),
    per_cent("er.acc_matched", kUp),
    per_cent("er.acc_ridge_matched", kUp),
    per_cent("sf.f1_wsum", kUp),  // slot filling through CTC: types, and characters of values
    per_cent("sf.cer_wsum", kDown),
    per_cent("lid.acc", kUp),  // LDA
    per_cent("lid.acc_ridge", kUp),
    per_cent("lid.acc_wsum", kUp),
    per_cent("lid.acc_matched", kUp),
    per_cent("lid.acc_ridge_matched", kUp),
    per_cent("tone.acc", kUp),  // LDA
    per_cent("tone.acc_ridge", kUp),
    per_cent("tone.acc_wsum", kUp),
    per_cent("tone.acc_matched", kUp),
    per_cent("tone.acc_ridge_matched", kUp),
    per_cent("sd.der_wsum", kDown),  // speaker diarization of two-speaker mixtures
    time("latency.mean_ms", ScoredOn::kClock),
    time("latency.p50_ms", ScoredOn::kClock),
    time("latency.p95_ms", ScoredOn::kClock),
    time("latency.spread_ms", ScoredOn::kClock),
};

NumberFormat format_of(std::string_view name) {
  const Metric* metric = find_metric(name);
  return metric == nullptr ? NumberFormat::kNumber : metric->format;
}

}  // namespace

std::string_view direction_name(Direction direction) {
  return direction == Direction::kMinimise ? "minimise" : "maximise";
}

std::span<const Metric> known_metrics() { return kMetrics; }

std::string_view without_split(std::string_view name) {
  return name.starts_with(kTestPrefix) ? name.substr(kTestPrefix.size()) : name;
}

const Metric* find_metric(std::string_view name) {
  const auto* const found = std::ranges::find(kMetrics, without_split(name), &Metric::name);
  return found == kMetrics.end() ? nullptr : found;
}

bool is_measured_time(std::string_view name) {
  const Metric* metric = find_metric(name);
  return metric != nullptr && metric->scored_on == ScoredOn::kClock;
}

std::string metric_number(std::string_view name, double value) {
  switch (format_of(name)) {
    case NumberFormat::kCount:
      return format_count(value);
    case NumberFormat::kMilliseconds:
    case NumberFormat::kPercent:
      return fmt::format("{:.2f}", value);
    case NumberFormat::kNumber:
      return fmt::format("{:.4g}", value);
  }
  return "";
}

std::string metric_text(std::string_view name, double value) {
  const NumberFormat format = format_of(name);
  const bool has_unit = format == NumberFormat::kMilliseconds || format == NumberFormat::kPercent;
  return metric_number(name, value) +
         (has_unit ? fmt::format(" {}", find_metric(name)->unit) : std::string());
}

double parse_metric(std::string_view name, std::string_view text) {
  const NumberFormat format = format_of(name);
  if (format == NumberFormat::kMilliseconds) return parse_seconds(text, 1e-3) * 1e3;
  if (format == NumberFormat::kPercent && text.ends_with('%')) text.remove_suffix(1);
  return parse_count(text);
}

}  // namespace concertina
