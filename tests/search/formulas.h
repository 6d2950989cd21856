// An evaluator whose scores are formulas, so that searches are tested without a network.
#pragma once

#include <chrono>
#include <functional>
#include <stdexcept>
#include <thread>

#include "search/evaluator.h"
#include "supernet/space/cost.h"
#include "supernet/space/search_space.h"
#include "tests/study/studies.h"

namespace concertina {

class FormulaEvaluator : public Evaluator {
 public:
  std::vector<MetricInfo> metrics() const override {
    return {{"loss", Direction::kMinimise, ""},
            {"macs", Direction::kMinimise, "MACs"},
            {"params", Direction::kMinimise, "params"}};
  }
  std::map<std::string, double> known_values(const Architecture& architecture) const override {
    const Cost cost = cost_of(blueprint_, architecture, 64000);
    return {{"macs", static_cast<double>(cost.macs)}, {"params", static_cast<double>(cost.params)}};
  }
  Fingerprints fingerprints() const override {
    return {{"loss", {{"formula", formula_}}}, {"macs", {{"version", "1"}}}, {"params", {}}};
  }

  std::vector<WorkGroup> plan(std::span<const Proposal> proposals) const override {
    std::vector<WorkGroup> groups;
    for (size_t i = 0; i < proposals.size(); i += 3) {
      const auto end = std::min(proposals.size(), i + 3);
      groups.push_back({{proposals.begin() + static_cast<std::ptrdiff_t>(i),
                         proposals.begin() + static_cast<std::ptrdiff_t>(end)}});
    }
    return groups;
  }

  GroupResult run(const WorkGroup& group, const StopToken&) const override {
    GroupResult result;
    for (const Proposal& proposal : group.proposals) {
      if (shuffle_)
        std::this_thread::sleep_for(std::chrono::microseconds(100 * ((proposal.number * 7) % 5)));
      if (proposal.number == throw_at_) throw std::runtime_error("Cholesky: not positive-definite");
      result.push_back(score(proposal));
    }
    if (after_group_) after_group_();
    return result;
  }

  std::string formula_ = "saturating";
  bool shuffle_ = false;    // groups take different times and end out of order
  int64_t fail_every_ = 0;  // every n-th trial fails
  int64_t throw_at_ = -1;   // this trial's group throws
  std::function<void()> after_group_;

 private:
  Evaluation score(const Proposal& proposal) const {
    Evaluation evaluation{proposal.number, {}, "", 0, 0};
    if (fail_every_ > 0 && proposal.number % fail_every_ == 1 % fail_every_) {
      evaluation.error = "it did not work";
      return evaluation;
    }
    const Cost cost = cost_of(blueprint_, proposal.architecture, 64000);
    evaluation.values = {{"loss", formula_loss(proposal.architecture)},
                         {"macs", static_cast<double>(cost.macs)},
                         {"params", static_cast<double>(cost.params)}};
    return evaluation;
  }

  Blueprint blueprint_ = pocket_space().blueprint();
};

// Twelve members: small enough to be exhausted.
inline SearchSpace tiny_space() {
  SpaceChoices choices = pocket_space().choices();
  choices.embed_dim = {96, 128, 192};
  choices.heads = {2};
  choices.ffn_ratio = {2};
  choices.depth = {2, 4};
  return SearchSpace(pocket_space().blueprint(), choices);
}

}  // namespace concertina
