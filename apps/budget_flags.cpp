#include "apps/budget_flags.h"

#include <fmt/format.h>

#include <optional>
#include <regex>

#include "core/errors.h"
#include "core/format.h"

namespace concertina {
namespace {

std::optional<double> parse_margin(std::string text) {
  if (text.empty()) return std::nullopt;
  if (text.ends_with('%')) text.pop_back();
  const double per_cent = parse_count(text);
  if (!(per_cent >= 0 && per_cent <= 1000))
    throw InputError(fmt::format("--margin {}: expected 0 to 1000 per cent", text));
  return per_cent / 100;
}

}  // namespace

void BudgetFlags::add_to(CLI::App& verb) {
  const auto not_empty = [](const std::string& text) {
    return text.empty() ? std::string("is empty: expected a limit") : std::string();
  };
  verb.add_option("--max-params", max_params, "at most this many parameters, e.g. 2M")
      ->check(not_empty);
  verb.add_option("--max-macs", max_macs, "at most this many MACs per 10 s of audio, e.g. 5G")
      ->check(not_empty);
  CLI::Option* latency =
      verb.add_option("--max-latency", max_latency,
                      "at most this latency, e.g. 15ms, for the device, threads, seconds and dtype "
                      "of the study's latency model: its prediction, corrected by measured "
                      "latencies, plus a margin")
          ->check(not_empty);
  CLI::Option* of_times =
      verb.add_flag("--measured", measured,
                    "--max-latency limits measured latencies instead of predictions")
          ->needs(latency);
  verb.add_option(
          "--margin", margin,
          "margin of the prediction below --max-latency, in per cent (default: the upper end of "
          "the model's 90 % interval on held-out subnets)")
      ->needs(latency)
      ->excludes(of_times);
  verb.add_option(
      "--where", where,
      "limit of any metric: NAME<=LIMIT, NAME>=LIMIT, or NAME=LIMIT for its better side, "
      "which is at most for errors and costs and at least for accuracies; a "
      "score on test is test.NAME, e.g. 'distill.l1<=0.2', 'test.pr.frame_acc>=60'");
}

bool BudgetFlags::given() const {
  return !max_params.empty() || !max_macs.empty() || !max_latency.empty() || !where.empty();
}

std::vector<Budget> BudgetFlags::budgets() const {
  std::vector<Budget> result;
  for (const auto& [metric, most] : {std::pair("params", &max_params), {"macs", &max_macs}})
    if (!most->empty()) result.push_back({metric, parse_metric(metric, *most), Bound::kAtMost});
  if (!max_latency.empty()) {
    const double ms = parse_metric("latency.pred_ms", max_latency);
    result.push_back(measured ? Budget{"latency.p50_ms", ms, Bound::kAtMost}
                              : time_budget(ms, parse_margin(margin)));
  }
  for (const std::string& condition : where) result.push_back(parse_budget(condition));
  return result;
}

Budget parse_budget(const std::string& text) {
  static const std::regex kForm(R"(\s*([^\s<>=]+)\s*(<=|>=|=)\s*([^<>=]+))");
  std::smatch part;
  if (!std::regex_match(text, part, kForm)) {
    throw InputError(fmt::format(
        "'{}' is not a budget: expected METRIC=LIMIT, METRIC<=LIMIT or METRIC>=LIMIT", text));
  }
  Budget budget{part.str(1) == "latency" ? "latency.pred_ms" : part.str(1), 0, std::nullopt};
  budget.limit = parse_metric(budget.metric, part.str(3));
  if (part.str(2) != "=") budget.bound = part.str(2) == "<=" ? Bound::kAtMost : Bound::kAtLeast;
  if (part.str(1) == "latency" && budget.bound != Bound::kAtLeast) return time_budget(budget.limit);
  return budget;
}

}  // namespace concertina
