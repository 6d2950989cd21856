#include "eval/folds.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "core/errors.h"
#include "core/rng.h"
#include "supernet/nn/one_thread_each.h"

namespace concertina {
namespace {

using Units = std::map<std::string, std::vector<size_t>>;  // by name: places in the list of clips

const Clip& clip_at(const Manifest& manifest, int64_t index) {
  return manifest.clips[static_cast<size_t>(index)];
}

Units units_of(const Manifest& manifest, std::span<const int64_t> clips) {
  Units units, single;
  for (size_t i = 0; i < clips.size(); ++i) {
    const Clip& clip = clip_at(manifest, clips[i]);
    units[fold_unit(clip)].push_back(i);
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

// Of each probe, frames it gets right; one product scores all of them.
std::vector<double> hits_of(std::span<const LinearProbe> probes, const at::Tensor& features,
                            const at::Tensor& labels) {
  std::vector<at::Tensor> weights, biases;
  for (const LinearProbe& probe : probes) {
    weights.push_back(probe.weight);
    biases.push_back(probe.bias);
  }
  const auto count = static_cast<int64_t>(probes.size());
  const at::Tensor scores = at::addmm(at::cat(biases), features, at::cat(weights, 1));
  const at::Tensor guesses = scores.view({labels.size(0), count, -1}).argmax(2);
  // [probes]
  const at::Tensor hits = guesses.eq(labels.unsqueeze(1)).to(at::kDouble).sum(0).contiguous();
  const double* first = hits.const_data_ptr<double>();
  return {first, first + count};
}

}  // namespace

std::string fold_unit(const Clip& clip) {
  if (!clip.group.empty()) return "group " + clip.source + "\t" + clip.group;
  if (!clip.speaker.empty()) return "speaker " + clip.source + "\t" + clip.speaker;
  return "clip " + clip.id;
}

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
  const int64_t n = features.size(0);
  if (n == 0) return;
  if (folds_.empty()) {
    const at::Tensor shift = features.mean(0).to(at::kDouble);
    for (int32_t k = 0; k < kFolds; ++k) folds_.push_back({ProbeSums(classes_, shift), {}, {}});
  }
  Fold& into = folds_[static_cast<size_t>(fold)];
  into.sums.add(features, labels);
  const int64_t first = (every_ - seen_ % every_) % every_;
  if (first < n) {  // copies, for a view would keep all frames
    into.features.push_back(features.slice(0, first, std::nullopt, every_).to(at::kFloat).clone());
    into.labels.push_back(labels.slice(0, first, std::nullopt, every_).clone());
  }
  seen_ += n;
}

ProbeSums FoldSums::all() const {
  CONCERTINA_ASSERT(!folds_.empty());
  ProbeSums sum = folds_.front().sums;
  for (size_t k = 1; k < folds_.size(); ++k) sum = sum + folds_[k].sums;
  return sum;
}

int64_t FoldSums::used() const {
  return std::ranges::count_if(folds_, [](const Fold& fold) { return fold.sums.count() > 0; });
}

std::vector<double> FoldSums::held_out_accuracies(ProbeKind kind,
                                                  std::span<const double> shrinkages) const {
  const ProbeSums whole = all();
  std::vector<double> accuracies(shrinkages.size(), 0.0);
  int64_t frames = 0;
  for (const Fold& fold : folds_) {
    if (fold.features.empty() || fold.sums.count() == whole.count()) continue;
    const at::Tensor labels = at::cat(fold.labels);
    const std::vector<double> hits =
        hits_of(solve_probes(whole - fold.sums, kind, shrinkages), at::cat(fold.features), labels);
    for (size_t i = 0; i < hits.size(); ++i) accuracies[i] += hits[i];
    frames += labels.size(0);
  }
  for (double& accuracy : accuracies) accuracy /= static_cast<double>(std::max<int64_t>(frames, 1));
  return accuracies;
}

FoldSums FoldSums::projected(const at::Tensor& projection) const {
  FoldSums result(classes_, every_);
  result.seen_ = seen_;
  const at::Tensor single = projection.to(at::kFloat);
  for (const Fold& fold : folds_) {
    Fold& added =
        result.folds_.emplace_back(Fold{fold.sums.projected(projection), {}, fold.labels});
    for (const at::Tensor& features : fold.features) added.features.push_back(features.mm(single));
  }
  return result;
}

at::Tensor gaussian_projection(const ProbeSums& sums, int64_t width) {
  const at::Tensor mean = sums.class_sums().sum(0) / sums.count();
  const at::Tensor variance = sums.gram().diagonal() / sums.count() - mean.square();
  const at::Tensor scale = unit_variance_scale(variance);
  Rng rng = Rng(0).fork("probe projection", static_cast<uint64_t>(width));
  at::Tensor projection = at::empty({variance.size(0), width}, at::kDouble);
  double* values = projection.mutable_data_ptr<double>();
  for (int64_t i = 0; i < projection.numel(); ++i) values[i] = rng.normal();
  return projection * scale.unsqueeze(1) / std::sqrt(static_cast<double>(width));
}

std::string ChosenProbe::setting(const std::string& layer_name) const {
  const std::string projected = width > 0 ? fmt::format(" projected to {} channels", width) : "";
  return fmt::format("{}{}, shrinkage {:g}, chosen on {} folds of train", layer_name, projected,
                     probe.shrinkage, folds);
}

namespace {

// Of one layer: its best probe of one kind, with its held-out accuracy alone.
ChosenProbe probe_of_layer(const FoldSums& sums, ProbeKind kind, int64_t layer) {
  const std::span<const double> shrinkages = default_shrinkages(kind);
  const std::vector<double> accuracies = sums.held_out_accuracies(kind, shrinkages);
  const auto best = std::ranges::max_element(accuracies);
  const double shrinkage = shrinkages[static_cast<size_t>(best - accuracies.begin())];
  return {.layer = layer,
          .folds = sums.used(),
          .probe = solve_probes(sums.all(), kind, std::array{shrinkage}).front(),
          .accuracies = {*best}};
}

// Of one layer: probes of its channels, then of their projections.
std::vector<ChosenProbe> probes_of_layer(std::span<const ProbeKind> kinds, const FoldSums& sums,
                                         int64_t layer, int64_t width) {
  std::vector<ChosenProbe> probes;
  for (const ProbeKind kind : kinds) probes.push_back(probe_of_layer(sums, kind, layer));
  if (width == 0) return probes;
  const ProbeSums all = sums.all();
  const bool wider = all.gram().size(0) > width;
  const at::Tensor projection = wider ? gaussian_projection(all, width) : at::Tensor();
  const FoldSums narrow = wider ? sums.projected(projection) : sums;
  for (const ProbeKind kind : kinds) {
    ChosenProbe probe = probe_of_layer(narrow, kind, layer);
    probe.width = wider ? width : 0;
    if (wider) probe.probe.weight = projection.to(at::kFloat).mm(probe.probe.weight);
    probes.push_back(std::move(probe));
  }
  return probes;
}

}  // namespace

std::vector<ChosenProbe> choose_probes(std::span<const ProbeKind> kinds, int64_t layers,
                                       const std::function<FoldSums(int64_t)>& sums_of,
                                       int64_t width) {
  std::vector<std::vector<ChosenProbe>> of_layers(static_cast<size_t>(layers));
  one_thread_each(of_layers.size(), [&](size_t l) {
    const c10::InferenceMode guard;
    const auto layer = static_cast<int64_t>(l);
    of_layers[l] = probes_of_layer(kinds, sums_of(layer), layer, width);
  });
  std::vector<ChosenProbe> chosen;
  for (size_t k = 0; k < of_layers.front().size(); ++k) {
    std::vector<double> accuracies;
    for (const auto& probes : of_layers) accuracies.push_back(probes[k].accuracies.front());
    const auto best = std::ranges::max_element(accuracies) - accuracies.begin();
    chosen.push_back(std::move(of_layers[static_cast<size_t>(best)][k]));
    chosen.back().accuracies = std::move(accuracies);
  }
  return chosen;
}

}  // namespace concertina
