#include "pipeline/sort_comparison.h"

#include <fmt/format.h>

#include <utility>

#include "eval/distill_score.h"

namespace concertina {
namespace {

constexpr int32_t kRandomMembers = 20;

}  // namespace

std::vector<SortComparison> compare_sorted(const Supernet& before, const SortResult& sorted,
                                           const Supernet& teacher,
                                           const std::filesystem::path& objective,
                                           const Manifest& manifest) {
  const Subnet target = teacher.slice(teacher.space().largest());
  const DistillScore old_score(target, before.blueprint(), load_objective(objective), manifest,
                               Split::kDev, {});
  TrainedObjective reordered = load_objective(objective);
  reordered.heads = sorted.heads;
  const DistillScore new_score(target, before.blueprint(), std::move(reordered), manifest,
                               Split::kDev, {});
  const auto score = [&](const std::string& name, const Architecture& member) {
    return SortComparison{name, member.key(), old_score.score(before.slice(member)),
                          new_score.score(sorted.model.slice(member))};
  };
  const SearchSpace& space = before.space();
  std::vector<SortComparison> rows = {score("smallest", space.smallest()),
                                      score("default", space.default_architecture()),
                                      score("largest", space.largest())};
  Rng rng = Rng(0).fork("model sort");
  SortComparison mean{"random", fmt::format("mean of {}", kRandomMembers)};
  for (int32_t i = 0; i < kRandomMembers; ++i) {
    const SortComparison one = score("", space.sample(rng));
    mean.before += one.before / kRandomMembers;
    mean.after += one.after / kRandomMembers;
  }
  rows.push_back(mean);
  return rows;
}

}  // namespace concertina
