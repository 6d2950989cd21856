// The registry of metrics: their names, better direction, unit and number format. Code that
// compares, stores, reads or prints a score asks here and keeps no list of its own.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace concertina {

enum class Direction { kMinimise, kMaximise };

std::string_view direction_name(Direction direction);  // "minimise" or "maximise"

// A metric as a study stores it. Dotted name, e.g. "pr.frame_acc", "distill.l1", "params".
struct MetricInfo {
  std::string name;
  Direction direction = Direction::kMinimise;
  std::string unit;  // "%", "ms", "params", "MACs", "" for losses
  bool operator==(const MetricInfo&) const = default;
};

enum class NumberFormat { kNumber, kCount, kMilliseconds, kPercent };

// What a value depends on besides the subnet.
enum class ScoredOn {
  kArchitecture,  // nothing: computed in closed form or predicted, the same on every split
  kClips,         // the split: dev under the metric's own name, test as "test.NAME"
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

// "test.sid.acc" is sid.acc; nullptr for an unknown name.
const Metric* find_metric(std::string_view name);
std::string_view without_split(std::string_view name);  // "test.sid.acc" -> "sid.acc"

// Measured times are left out of `dump --no-times`.
bool is_measured_time(std::string_view name);

// A value as text, without its unit (for a column whose title has it) and with it: "6.71" and
// "6.71 ms", "85.02" and "85.02 %"; counts are "1.64M" both times, unknown metrics "0.1835".
std::string metric_number(std::string_view name, double value);
std::string metric_text(std::string_view name, double value);
// The inverse: "2M", "15ms", "85" or "85%", in the metric's unit. InputError when it cannot be
// parsed.
double parse_metric(std::string_view name, std::string_view text);

}  // namespace concertina
