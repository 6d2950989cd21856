#include "eval/folds.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "core/errors.h"

namespace concertina {
namespace {

using Units = std::map<std::string, std::vector<size_t>>;  // by name: places in the list of clips

const Clip& clip_at(const Manifest& manifest, int64_t index) {
  return manifest.clips[static_cast<size_t>(index)];
}

std::string unit_of(const Clip& clip) {
  if (!clip.group.empty()) return "group " + clip.source + "\t" + clip.group;
  if (!clip.speaker.empty()) return "speaker " + clip.source + "\t" + clip.speaker;
  return "clip " + clip.id;
}

Units units_of(const Manifest& manifest, std::span<const int64_t> clips) {
  Units units, single;
  for (size_t i = 0; i < clips.size(); ++i) {
    const Clip& clip = clip_at(manifest, clips[i]);
    units[unit_of(clip)].push_back(i);
    single[clip.id].push_back(i);
  }
  return units.size() > 1 ? units : single;
}

std::vector<std::vector<size_t>> largest_first(const Units& units) {
  std::vector<std::vector<size_t>> sorted;
  for (const auto& [name, members] : units) sorted.push_back(members);
  std::ranges::stable_sort(sorted, std::ranges::greater{}, &std::vector<size_t>::size);
  return sorted;
}

struct Fold {
  std::map<std::string, int64_t> of_speaker;  // clips
  int64_t clips = 0;
};

size_t best_index(std::span<const double> errors) {
  return static_cast<size_t>(std::ranges::min_element(errors) - errors.begin());
}

double chosen_lda_shrinkage(const FoldSums& sums) {
  const std::span<const double> shrinkages = default_shrinkages(ProbeKind::kLda);
  const ProbeSums all = sums.all();
  std::vector<double> penalties;
  for (const double shrinkage : shrinkages)
    penalties.push_back(ridge_penalty_of_lda(all, shrinkage));
  return shrinkages[best_index(sums.held_out_errors(penalties))];
}

LinearProbe fit(const ProbeSums& sums, ProbeKind kind, double shrinkage) {
  return solve_probes(sums, kind, std::array{shrinkage}).front();
}

}  // namespace

std::vector<int32_t> deal_folds(const Manifest& manifest, std::span<const int64_t> clips) {
  std::vector<Fold> folds(kFolds);
  std::vector<int32_t> fold_of(clips.size(), 0);
  const auto speaker = [&](size_t i) { return clip_at(manifest, clips[i]).speaker; };
  for (const std::vector<size_t>& unit : largest_first(units_of(manifest, clips))) {
    const auto load = [&](Fold& fold) {
      int64_t same = 0;
      for (const size_t i : unit) same += fold.of_speaker[speaker(i)];
      return std::pair(same, fold.clips);
    };
    const auto least = std::ranges::min_element(folds, {}, load);
    for (const size_t i : unit) {
      ++least->of_speaker[speaker(i)];
      ++least->clips;
      fold_of[i] = static_cast<int32_t>(least - folds.begin());
    }
  }
  return fold_of;
}

void FoldSums::add(int32_t fold, const at::Tensor& features, const at::Tensor& labels) {
  if (features.size(0) == 0) return;
  if (folds_.empty()) {
    const at::Tensor shift = features.mean(0).to(at::kDouble);
    for (int32_t k = 0; k < kFolds; ++k) folds_.emplace_back(classes_, shift);
  }
  folds_[static_cast<size_t>(fold)].add(features, labels);
}

ProbeSums FoldSums::all() const {
  CONCERTINA_ASSERT(!folds_.empty());
  ProbeSums sum = folds_.front();
  for (size_t k = 1; k < folds_.size(); ++k) sum = sum + folds_[k];
  return sum;
}

int64_t FoldSums::used() const {
  return std::ranges::count_if(folds_, [](const ProbeSums& fold) { return fold.count() > 0; });
}

std::vector<double> FoldSums::held_out_errors(std::span<const double> penalties) const {
  const ProbeSums whole = all();
  std::vector<double> errors(penalties.size(), 0.0);
  double frames = 0;
  for (const ProbeSums& fold : folds_) {
    if (fold.count() == 0 || fold.count() == whole.count()) continue;
    const std::vector<double> of_fold = ridge_errors(whole - fold, fold, penalties);
    for (size_t i = 0; i < errors.size(); ++i) errors[i] += of_fold[i];
    frames += fold.count();
  }
  for (double& error : errors)
    error = frames > 0 ? error / frames : std::numeric_limits<double>::infinity();
  return errors;
}

std::string ChosenProbes::setting(ProbeKind kind, const std::string& layer_name) const {
  const LinearProbe& probe = kind == ProbeKind::kLda ? lda : ridge;
  return fmt::format("{}, shrinkage {:g}, chosen on {} folds of train", layer_name, probe.shrinkage,
                     folds);
}

ChosenProbes choose_probes(int64_t layers, const std::function<FoldSums(int64_t)>& sums_of) {
  const std::span<const double> penalties = default_shrinkages(ProbeKind::kRidge);
  double least = std::numeric_limits<double>::infinity();
  ChosenProbes chosen;
  double ridge = penalties.front();
  std::optional<FoldSums> of_layer;
  for (int64_t l = 0; l < layers; ++l) {
    FoldSums sums = sums_of(l);
    const std::vector<double> errors = sums.held_out_errors(penalties);
    const size_t best = best_index(errors);
    if (of_layer && errors[best] >= least) continue;
    least = errors[best];
    chosen.layer = l;
    ridge = penalties[best];
    of_layer = std::move(sums);
  }
  CONCERTINA_ASSERT(of_layer.has_value());
  const ProbeSums all = of_layer->all();
  chosen.folds = of_layer->used();
  chosen.ridge = fit(all, ProbeKind::kRidge, ridge);
  chosen.lda = fit(all, ProbeKind::kLda, chosen_lda_shrinkage(*of_layer));
  return chosen;
}

}  // namespace concertina
