#include "apps/budget_flags.h"

#include <fmt/format.h>

#include <regex>

#include "apps/pareto_table.h"
#include "core/errors.h"

namespace concertina {
namespace {

template <class Items, class Text>
std::string listed(const Items& items, const Text& text) {
  std::string list;
  for (const auto& item : items) list += (list.empty() ? "" : ", ") + text(item);
  return list;
}

}  // namespace

void BudgetFlags::add_to(CLI::App& verb) {
  const auto not_empty = [](const std::string& text) {
    return text.empty() ? std::string("is empty: expected a limit") : std::string();
  };
  verb.add_option("--max-params", max_params, "Most parameters, e.g. 2M")->check(not_empty);
  verb.add_option("--max-macs", max_macs, "Most MACs per 10 s of audio, e.g. 5G")
      ->check(not_empty);
  verb.add_option("--max-latency", max_latency, "Most predicted latency, e.g. 15ms")
      ->check(not_empty);
  verb.add_option("--where", where,
                  "Any metric: NAME<=LIMIT, NAME>=LIMIT, or NAME=LIMIT for the better side of the "
                  "limit, which is at most for errors and costs and at least for accuracies; a "
                  "score on test is test.NAME, e.g. 'distill.l1<=0.2', 'test.pr.frame_acc>=60'");
}

bool BudgetFlags::given() const {
  return !max_params.empty() || !max_macs.empty() || !max_latency.empty() || !where.empty();
}

std::vector<Budget> BudgetFlags::budgets() const {
  std::vector<Budget> result;
  for (const auto& [metric, most] : {std::pair("params", &max_params),
                                     {"macs", &max_macs},
                                     {"latency.pred_ms", &max_latency}})
    if (!most->empty()) result.push_back({metric, parse_metric(metric, *most), Bound::kAtMost});
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
  return budget;
}

Trial best_within(const StudyFile& study, const std::vector<Budget>& budgets) {
  return all_within(study, budgets).front();
}

std::vector<Trial> all_within(const StudyFile& study, const std::vector<Budget>& budgets) {
  BudgetAnswer answer = within_budgets(study, budgets);
  if (!answer.fitting.empty()) return std::move(answer.fitting);
  const auto& nearest = answer.nearest->values;
  const auto value = [&](const Budget& budget) {
    const auto found = nearest.find(budget.metric);
    return found == nearest.end() ? "no " + budget.metric
                                  : describe(Budget{budget.metric, found->second});
  };
  throw NoAnswer(fmt::format("no subnet fits {}; the nearest has {}: {}",
                             listed(budgets, [](const Budget& b) { return describe(b); }),
                             listed(budgets, value), answer.nearest->architecture.key()));
}

}  // namespace concertina
