// The registry of metrics: what each name means, which way is better, its unit and how it is
// written. Who compares, stores, reads or prints a score asks here and keeps no list of its own.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace concertina {

enum class Direction { kMinimise, kMaximise };

// A metric as a study stores it. Dotted name, e.g. "pr.frame_acc", "distill.l1", "params".
struct MetricInfo {
  std::string name;
  Direction direction = Direction::kMinimise;
  std::string unit;  // "%", "ms", "params", "MACs", "" for losses
  bool operator==(const MetricInfo&) const = default;
};

enum class NumberFormat { kNumber, kCount, kMilliseconds, kPercent };

// What a value was taken from, besides the subnet itself.
enum class ScoredOn {
  kArchitecture,  // nothing: counted or predicted, the same on every split
  kClips,         // a split: dev under the metric's own name, test as "test.NAME"
  kClock,         // this machine: a measured time
};

struct Metric {
  std::string_view name;
  Direction direction;
  std::string_view unit;
  NumberFormat format;
  ScoredOn scored_on;

  MetricInfo info() const { return {std::string(name), direction, std::string(unit)}; }
};

std::span<const Metric> known_metrics();

// "test.sid.acc" is sid.acc; nullptr for a name that is not known.
const Metric* find_metric(std::string_view name);
std::string_view without_split(std::string_view name);  // "test.sid.acc" -> "sid.acc"

// What a clock gave: left out of `dump --no-times`.
bool is_measured_time(std::string_view name);

// A value in words, without its unit (for a column whose title has it) and with it: "6.71" and
// "6.71 ms", "85.02" and "85.02 %"; counts are "1.64M" both times, unknown metrics "0.1835".
std::string metric_number(std::string_view name, double value);
std::string metric_text(std::string_view name, double value);
// The other way round: "2M", "15ms", "85" or "85%", as the metric has it. InputError when it is
// none.
double parse_metric(std::string_view name, std::string_view text);

}  // namespace concertina
