// The budget options of `pareto` and `extract`: --max-params, --max-macs, --max-latency and
// --where.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "study/budget.h"

namespace concertina {

struct BudgetFlags {
  std::string max_params, max_macs, max_latency;  // with units: 27M, 5G, 40ms
  std::vector<std::string> where;                 // "test.sid.acc>=85"
  std::string margin;     // of max_latency, in per cent; "": the model's own
  bool measured = false;  // max_latency limits measured latencies

  void add_to(CLI::App& verb);
  bool given() const;
  std::vector<Budget> budgets() const;  // InputError when a number or a condition cannot be read
};

// "params=2M", "latency<=15ms", "pr.frame_acc>=60"; with `=` the metric's direction gives the side,
// see bound_of(). InputError otherwise.
Budget parse_budget(const std::string& text);

}  // namespace concertina
