#include "eval/tasks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "core/errors.h"
#include "core/log.h"
#include "eval/task.h"
#include "eval/task_audio.h"
#include "eval/trained_run.h"

namespace concertina {
namespace {

constexpr int64_t kBatchSamples = 60 * kTaskSampleRate;  // padding included

PreparedTask prepare_or_log(const std::string& name, const Manifest& manifest,
                            const TaskOptions& options, Split split) {
  PreparedTask prepared = task_kind(name).prepare(manifest, options, split);
  if (!prepared.task) log_warn("task {} is left out: {}", name, prepared.missing);
  return prepared;
}

using ClipBatch = std::vector<int64_t>;

// Longest first, so that a batch holds clips of like length and the largest memory is met at once.
std::vector<ClipBatch> length_sorted_batches(const TaskAudio& audio, std::vector<int64_t> clips) {
  const auto length = [&](int64_t clip) { return audio.length(clip); };
  std::ranges::stable_sort(clips, std::ranges::greater{}, length);
  std::vector<ClipBatch> batches;
  for (const int64_t clip : clips) {
    const bool fits = !batches.empty() && length(batches.back().front()) *
                                                  static_cast<int64_t>(batches.back().size() + 1) <=
                                              kBatchSamples;
    if (!fits) batches.emplace_back();
    batches.back().push_back(clip);
  }
  return batches;
}

}  // namespace

struct PreparedTasks::Data {
  std::vector<std::unique_ptr<const Task>> tasks;
  LayerRule layers = LayerRule::kBest;
  bool trained = false;
  std::optional<TaskAudio> audio;
  std::vector<ClipBatch> training, scored;

  void take_clips(const Manifest& manifest, const TaskOptions& options, const StopToken& stop) {
    std::vector<int64_t> of_train, of_split;
    for (size_t i = 0; i < manifest.clips.size(); ++i) {
      const auto clip = static_cast<int64_t>(i);
      const bool wanted =
          std::ranges::any_of(tasks, [&](const auto& task) { return task->wants(clip); });
      const bool in_train = manifest.clips[i].split == Split::kTrain;
      if (wanted) (in_train ? of_train : of_split).push_back(clip);
    }
    std::vector<int64_t> all = of_train;
    all.insert(all.end(), of_split.begin(), of_split.end());
    audio.emplace(manifest, all, options.clip_seconds, kTaskAudioBytes, stop);
    training = length_sorted_batches(*audio, std::move(of_train));
    scored = length_sorted_batches(*audio, std::move(of_split));
  }
};

PreparedTasks::PreparedTasks(const Manifest& manifest, TaskOptions options, Split split,
                             const StopToken& stop) {
  CONCERTINA_ASSERT(split != Split::kTrain);
  auto data = std::make_unique<Data>();
  for (const std::string& name : options.tasks) {
    PreparedTask prepared = prepare_or_log(name, manifest, options, split);
    if (prepared.task) {
      names_.push_back(name);
      data->tasks.push_back(std::move(prepared.task));
    } else {
      left_out_.emplace_back(name, std::move(prepared.missing));
    }
  }
  data->take_clips(manifest, options, stop);
  data->layers = options.layers;
  data->trained = options.trained;
  data_ = std::move(data);
}

PreparedTasks::~PreparedTasks() = default;
PreparedTasks::PreparedTasks(PreparedTasks&&) noexcept = default;
PreparedTasks& PreparedTasks::operator=(PreparedTasks&&) noexcept = default;

std::vector<TaskScore> PreparedTasks::score(const FeatureExtractor& features, Intervals intervals,
                                            const StopToken& stop) const {
  const c10::InferenceMode guard;
  std::vector<std::unique_ptr<TaskRun>> runs;
  for (const auto& task : data_->tasks)
    runs.push_back(data_->trained ? start_with_trained_probe(*task, stop) : task->start());
  const auto give = [&](int64_t clip, const ClipFeatures& all) {
    const ClipFeatures eligible{eligible_layers(all.layers, data_->layers), all.period_s,
                                all.centre_s};
    for (size_t i = 0; i < runs.size(); ++i) {
      if (data_->tasks[i]->wants(clip)) runs[i]->add(clip, eligible);
    }
  };
  for (const auto* part : {&data_->training, &data_->scored}) {
    for (const ClipBatch& batch : *part) {
      stop.throw_if_interrupted("nothing of this score was saved");
      std::vector<std::vector<float>> audio;
      for (const int64_t clip : batch) audio.push_back(data_->audio->read(clip));
      const std::vector<ClipFeatures> encoded = features(audio);
      for (size_t i = 0; i < batch.size(); ++i) give(batch[i], encoded[i]);
    }
  }
  std::vector<TaskScore> scores;
  for (const auto& run : runs)
    std::ranges::move(run->scores(intervals), std::back_inserter(scores));
  return scores;
}

std::vector<TaskScore> score_tasks(const Manifest& manifest, const FeatureExtractor& features,
                                   const TaskOptions& options, Split split, const StopToken& stop) {
  const PreparedTasks prepared(manifest, options, split, stop);
  if (prepared.names().empty()) {
    std::vector<std::string> why;
    for (const auto& [name, missing] : prepared.left_out())
      why.push_back(fmt::format("{}: {}", name, missing));
    throw InputError(fmt::format("{}: no task can be scored: {}", manifest.folder.string(),
                                 fmt::join(why, "; ")));
  }
  return prepared.score(features, Intervals::kBootstrap, stop);
}

std::vector<std::string> available_tasks(const Manifest& manifest, const TaskOptions& options,
                                         Split split) {
  std::vector<std::string> names;
  std::ranges::copy_if(options.tasks, std::back_inserter(names), [&](const std::string& name) {
    return prepare_or_log(name, manifest, options, split).task != nullptr;
  });
  return names;
}

}  // namespace concertina
