#include "eval/tasks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/errors.h"
#include "core/log.h"
#include "eval/task.h"
#include "speech/audio.h"

namespace concertina {
namespace {

constexpr int64_t kBatchSamples = 60 * kTaskSampleRate;  // padding included

using TaskMaker = std::unique_ptr<Task> (*)(const Manifest&, const TaskOptions&, Split);

TaskMaker maker_of(const std::string& name) {
  if (name == "pr") return make_pr_task;
  if (name == "sid") return make_sid_task;
  if (name == "asv") return make_asv_task;
  const std::vector<std::string> names = task_names();
  throw InputError(fmt::format("unknown task '{}'{}; tasks are {}", name, did_you_mean(name, names),
                               fmt::join(names, ", ")));
}

std::vector<std::unique_ptr<Task>> make_tasks(const Manifest& manifest, const TaskOptions& options,
                                              Split split) {
  std::vector<std::unique_ptr<Task>> tasks;
  for (const std::string& name : options.tasks) {
    std::unique_ptr<Task> task = maker_of(name)(manifest, options, split);
    if (task) {
      tasks.push_back(std::move(task));
    } else {
      log_info("task {} is left out: the manifest has no data for it", name);
    }
  }
  if (tasks.empty()) {
    throw InputError(
        fmt::format("{}: no data for any of the tasks {}: pr needs phone labels, sid and asv need "
                    "several speakers with several groups each, all in train, dev and {}",
                    manifest.folder.string(), fmt::join(options.tasks, ", "), split_name(split)));
  }
  return tasks;
}

int64_t encoded_samples(const Clip& clip, const TaskOptions& options) {
  if (options.clip_seconds <= 0) return clip.samples;
  const auto longest = static_cast<int64_t>(options.clip_seconds * kTaskSampleRate);
  return std::min(clip.samples, std::max(longest, kShortestClip));
}

using ClipBatch = std::vector<int64_t>;

// Longest first, so that a batch holds clips of like length and the largest memory is met at once.
std::vector<ClipBatch> length_sorted_batches(const Manifest& manifest, std::vector<int64_t> clips,
                                             const TaskOptions& options) {
  const auto length = [&](int64_t clip) {
    return encoded_samples(manifest.clips[static_cast<size_t>(clip)], options);
  };
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

std::vector<float> read_clip(const Manifest& manifest, int64_t index, const TaskOptions& options) {
  const Clip& clip = manifest.clips[static_cast<size_t>(index)];
  std::vector<float> samples(static_cast<size_t>(encoded_samples(clip, options)));
  read_wav_segment(manifest.audio_path(clip), 0, samples);
  return samples;
}

class Pass {
 public:
  Pass(const Manifest& manifest, const FeatureExtractor& features, const TaskOptions& options,
       const std::vector<std::unique_ptr<Task>>& tasks, const StopToken& stop)
      : manifest_(manifest), features_(features), options_(options), tasks_(tasks), stop_(stop) {}

  void feed(bool training) const {
    for (const ClipBatch& batch : length_sorted_batches(manifest_, wanted(training), options_)) {
      stop_.throw_if_interrupted("nothing of this score was saved");
      std::vector<std::vector<float>> audio;
      for (const int64_t clip : batch) audio.push_back(read_clip(manifest_, clip, options_));
      const std::vector<ClipFeatures> features = features_(audio);
      for (size_t i = 0; i < batch.size(); ++i) give(batch[i], features[i]);
    }
  }

 private:
  bool wanted_by_any(int64_t clip) const {
    return std::ranges::any_of(tasks_, [&](const auto& task) { return task->wants(clip); });
  }

  std::vector<int64_t> wanted(bool training) const {
    std::vector<int64_t> clips;
    for (size_t i = 0; i < manifest_.clips.size(); ++i) {
      const Clip& clip = manifest_.clips[i];
      const auto index = static_cast<int64_t>(i);
      const bool in_part = (clip.split == Split::kTrain) == training;
      if (in_part && clip.samples >= kShortestClip && wanted_by_any(index)) clips.push_back(index);
    }
    return clips;
  }

  void give(int64_t clip, const ClipFeatures& features) const {
    const ClipFeatures eligible{eligible_layers(features.layers, options_.layers),
                                features.period_s, features.centre_s};
    for (const auto& task : tasks_) {
      if (task->wants(clip)) task->add(clip, eligible);
    }
  }

  const Manifest& manifest_;
  const FeatureExtractor& features_;
  const TaskOptions& options_;
  const std::vector<std::unique_ptr<Task>>& tasks_;
  const StopToken& stop_;
};

}  // namespace

std::vector<TaskScore> score_tasks(const Manifest& manifest, const FeatureExtractor& features,
                                   const TaskOptions& options, Split split, const StopToken& stop) {
  CONCERTINA_ASSERT(split != Split::kTrain);
  const c10::InferenceMode guard;
  const std::vector<std::unique_ptr<Task>> tasks = make_tasks(manifest, options, split);
  const Pass pass(manifest, features, options, tasks, stop);
  pass.feed(true);
  pass.feed(false);
  std::vector<TaskScore> scores;
  for (const auto& task : tasks) std::ranges::move(task->scores(), std::back_inserter(scores));
  return scores;
}

std::vector<std::string> available_tasks(const Manifest& manifest, const TaskOptions& options,
                                         Split split) {
  std::vector<std::string> names;
  std::ranges::copy_if(options.tasks, std::back_inserter(names), [&](const std::string& name) {
    return maker_of(name)(manifest, options, split) != nullptr;
  });
  return names;
}

std::vector<std::string> task_names() { return {"pr", "sid", "asv"}; }

TaskOptions TaskOptions::from_config(ConfigSection section) {
  TaskOptions options;
  section.read("tasks", options.tasks);
  section.read("pr_every", options.pr_every, {1, 1000000});
  section.read("clip_seconds", options.clip_seconds, {0, 3600});
  section.read("asv_trials", options.asv_trials, {1, 10000000});
  section.read("sid_min_clips", options.sid_min_clips, {1, 1000000});
  const std::vector<std::string> rules = {"best", "last", "all"};
  int32_t rule = 0;
  section.read_choice("layers", rules, rule);
  options.layers = rules[static_cast<size_t>(rule)];
  const std::vector<std::string> dtypes = {"auto", "fp32", "bf16"};
  int32_t dtype = 0;
  section.read_choice("dtype", dtypes, dtype);
  options.dtype = dtypes[static_cast<size_t>(dtype)];
  const std::vector<std::string> known = task_names();
  for (const std::string& name : options.tasks) {
    if (std::ranges::find(known, name) == known.end()) {
      section.problem("tasks", fmt::format("unknown task '{}'{}", name, did_you_mean(name, known)));
    }
  }
  return options;
}

}  // namespace concertina
