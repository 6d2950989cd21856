#include "eval/tasks.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>

#include "core/errors.h"
#include "core/log.h"
#include "eval/encoded_batches.h"
#include "eval/leaks.h"
#include "eval/task.h"
#include "eval/task_audio.h"
#include "eval/task_data.h"
#include "eval/trained_run.h"
#include "supernet/nn/one_thread_each.h"

namespace concertina {
namespace {

PreparedTask prepare_or_log(const std::string& name, const Manifest& clips,
                            const TaskOptions& options, Split split) {
  const TaskKind& kind = task_kind(name);
  if (kind.trained_only && !options.trained)
    return {nullptr, "its probe is trained, which eval --trained and tasks.trained ask for"};
  PreparedTask prepared = kind.prepare(clips, options, split);
  if (!prepared.task) log_warn("task {} is left out: {}", name, prepared.missing);
  return prepared;
}

std::vector<int64_t> wanted_clips(const Task& task, const Manifest& clips) {
  std::vector<int64_t> wanted;
  for (int64_t clip = 0; clip < std::ssize(clips.clips); ++clip) {
    if (task.wants(clip)) wanted.push_back(clip);
  }
  return wanted;
}

std::vector<LeakKind> leaks_of(const std::string& task, const TaskOptions& options) {
  std::vector<LeakKind> kinds = {LeakKind::kAudio, LeakKind::kGroup};
  if (std::ranges::count(options.speaker_disjoint, task) > 0) kinds.push_back(LeakKind::kSpeaker);
  if (task_kind(task).same_text_leaks) kinds.push_back(LeakKind::kText);
  return kinds;
}

// A warning for each kind of leak; an InputError where train and the scored split share audio.
void check_leaks(const std::string& name, const Task& task, const Manifest& clips,
                 const TaskOptions& options) {
  const std::vector<Leak> leaks =
      find_leaks(clips, wanted_clips(task, clips), leaks_of(name, options));
  for (const std::string& sentence : leak_sentences(leaks)) {
    if (leaks.front().kind == LeakKind::kAudio)
      throw InputError(fmt::format("task {}: {}", name, sentence));
    log_warn("task {}: {}", name, sentence);
  }
}

using ClipBatch = std::vector<int64_t>;

// Longest first, so that a batch holds clips of like length and the largest memory is met at once.
std::vector<ClipBatch> length_sorted_batches(const TaskAudio& audio, std::vector<int64_t> clips) {
  const auto length = [&](int64_t clip) { return audio.length(clip); };
  std::ranges::stable_sort(clips, std::ranges::greater{}, length);
  std::vector<int64_t> lengths;
  std::ranges::transform(clips, std::back_inserter(lengths), length);
  std::vector<ClipBatch> batches;
  for (size_t first = 0; first < clips.size();) {
    const size_t end = encoded_batch_end(lengths, first);
    batches.emplace_back(clips.begin() + static_cast<int64_t>(first),
                         clips.begin() + static_cast<int64_t>(end));
    first = end;
  }
  return batches;
}

// Clips of all tasks: those of one id and one file are one clip.
class ClipPool {
 public:
  explicit ClipPool(const Manifest& corpus) : all_{corpus.folder, {}, corpus.written} {
    for (const Clip& clip : corpus.clips) add(corpus, clip);
  }
  // Its index in all().
  int64_t add(const Manifest& clips, const Clip& clip) {
    const auto [place, fresh] = index_.emplace(
        fmt::format("{}\t{}", clip.id, clips.audio_path(clip).string()), std::ssize(all_.clips));
    if (!fresh) return place->second;
    all_.clips.push_back(clip);
    if (clips.folder != all_.folder)
      all_.clips.back().path = std::filesystem::absolute(clips.audio_path(clip)).string();
    return place->second;
  }
  // Of two of the clips, as one more.
  int64_t add_mixture(const Manifest& clips, Mixture mixture) {
    const auto clip_at = [&](int64_t index) { return clips.clips[static_cast<size_t>(index)]; };
    const Clip first = clip_at(mixture.first), second = clip_at(mixture.second);
    Clip both;
    both.id = fmt::format("{}+{}", first.id, second.id);
    both.samples = mixed_samples(mixture, first.samples, second.samples);
    mixture.first = add(clips, first);
    mixture.second = add(clips, second);
    all_.clips.push_back(std::move(both));
    mixtures_[std::ssize(all_.clips) - 1] = mixture;
    return std::ssize(all_.clips) - 1;
  }
  const Manifest& all() const { return all_; }
  const std::map<int64_t, Mixture>& mixtures() const { return mixtures_; }

 private:
  Manifest all_;
  std::unordered_map<std::string, int64_t> index_;
  std::map<int64_t, Mixture> mixtures_;  // by index, of indices in all()
};

// A clip that a task takes features of: in the pool and in the task's manifest.
struct Taken {
  int64_t in_pool = 0, in_task = 0;
  bool training = false;
};

std::vector<Taken> taken_clips(const Task& task, const Manifest& clips, ClipPool& pool) {
  std::vector<Taken> taken;
  for (const TaskMixture& each : task.mixtures())
    taken.push_back({pool.add_mixture(clips, each.mixture), std::ssize(taken), each.training});
  if (!taken.empty()) return taken;
  for (const int64_t index : wanted_clips(task, clips)) {
    const Clip& clip = clips.clips[static_cast<size_t>(index)];
    taken.push_back({pool.add(clips, clip), index, clip.split == Split::kTrain});
  }
  return taken;
}

}  // namespace

struct PreparedTasks::Data {
  // One of the two passes over the clips: those that train a task, then those that are scored. A
  // clip that does both, in two tasks, is encoded in both.
  struct Pass {
    std::vector<std::unordered_map<int64_t, int64_t>> clip_of;  // by task: pool to its manifest
    std::vector<ClipBatch> batches;
  };
  std::vector<std::unique_ptr<const Task>> tasks;
  LayerRule layers = LayerRule::kBest;
  bool trained = false;
  std::optional<TaskAudio> audio;
  std::array<Pass, 2> passes;

  // `taken`: of each task.
  void take_clips(const ClipPool& pool, const std::vector<std::vector<Taken>>& taken,
                  const TaskOptions& options, const StopToken& stop) {
    std::array<std::set<int64_t>, 2> clips;
    for (Pass& pass : passes) pass.clip_of.resize(taken.size());
    for (size_t task = 0; task < taken.size(); ++task) {
      for (const Taken& clip : taken[task]) {
        const size_t pass = clip.training ? 0 : 1;
        clips[pass].insert(clip.in_pool);
        passes[pass].clip_of[task].emplace(clip.in_pool, clip.in_task);
      }
    }
    std::vector<int64_t> all(clips[0].begin(), clips[0].end());
    std::ranges::set_difference(clips[1], clips[0], std::back_inserter(all));
    audio.emplace(pool.all(), all, pool.mixtures(), options.clip_seconds, kTaskAudioBytes, stop);
    for (size_t pass = 0; pass < passes.size(); ++pass)
      passes[pass].batches =
          length_sorted_batches(*audio, {clips[pass].begin(), clips[pass].end()});
  }

  void count(TaskData& data, size_t task, const Manifest& all) const {
    for (size_t pass = 0; pass < passes.size(); ++pass) {
      const bool training = pass == 0;
      for (const ClipBatch& batch : passes[pass].batches) {
        for (const int64_t clip : batch) {
          if (!passes[pass].clip_of[task].contains(clip)) continue;
          ++(training ? data.training_clips : data.scored_clips);
          (training ? data.training_seconds : data.scored_seconds) +=
              static_cast<double>(audio->length(clip)) / kTaskSampleRate;
          if (!training) data.scored_ids.push_back(all.clips[static_cast<size_t>(clip)].id);
        }
      }
    }
  }
};

PreparedTasks::PreparedTasks(const Manifest& manifest, TaskOptions options, Split split,
                             const StopToken& stop) {
  CONCERTINA_ASSERT(split != Split::kTrain);
  auto data = std::make_unique<Data>();
  ClipPool pool(manifest);
  std::vector<std::vector<Taken>> taken;
  for (const std::string& name : options.tasks) {
    const Manifest clips = task_manifest(manifest, options, name);
    PreparedTask prepared = prepare_or_log(name, clips, options, split);
    if (!prepared.task) {
      left_out_.emplace_back(name, std::move(prepared.missing));
      continue;
    }
    check_leaks(name, *prepared.task, clips, options);
    taken.push_back(taken_clips(*prepared.task, clips, pool));
    names_.push_back(name);
    data->tasks.push_back(std::move(prepared.task));
  }
  data->take_clips(pool, taken, options, stop);
  data->layers = options.layers;
  data->trained = options.trained;
  for (size_t i = 0; i < names_.size(); ++i) {
    task_data_.push_back({.task = names_[i], .content = data->tasks[i]->content()});
    data->count(task_data_.back(), i, pool.all());
  }
  data_ = std::move(data);
}

PreparedTasks::~PreparedTasks() = default;
PreparedTasks::PreparedTasks(PreparedTasks&&) noexcept = default;
PreparedTasks& PreparedTasks::operator=(PreparedTasks&&) noexcept = default;

std::vector<TaskScore> PreparedTasks::score(const FeatureExtractor& features, Intervals intervals,
                                            const StopToken& stop) const {
  return score(features, features, intervals, stop);
}

std::vector<TaskScore> PreparedTasks::score(const FeatureExtractor& of_training,
                                            const FeatureExtractor& of_scored, Intervals intervals,
                                            const StopToken& stop) const {
  const c10::InferenceMode guard;
  std::vector<std::unique_ptr<TaskRun>> runs;
  for (const auto& task : data_->tasks)
    runs.push_back(data_->trained ? start_with_trained_probe(*task, stop) : task->start());
  const auto give = [&](const Data::Pass& pass, int64_t clip, const ClipFeatures& all) {
    const ClipFeatures eligible{eligible_layers(all.layers, data_->layers), all.period_s,
                                all.centre_s};
    for (size_t i = 0; i < runs.size(); ++i) {
      const auto own = pass.clip_of[i].find(clip);
      if (own != pass.clip_of[i].end()) runs[i]->add(own->second, eligible);
    }
  };
  const auto of_each_run = [&](const std::function<void(size_t)>& body) {
    const auto one = [&](size_t i) {
      const c10::InferenceMode inference;
      stop.throw_if_interrupted("nothing of this score was saved");
      body(i);
    };
    // Of few tasks each divides its work among many threads.
    if (2 * std::ssize(runs) > at::get_num_threads()) return one_thread_each(runs.size(), one);
    for (size_t i = 0; i < runs.size(); ++i) one(i);
  };
  const auto add_clips = [&](const Data::Pass& pass, const FeatureExtractor& features) {
    // As many batches as there are threads: which clips are in one does not depend on their number.
    const auto threads = static_cast<size_t>(at::get_num_threads());
    for (size_t first = 0; first < pass.batches.size(); first += threads) {
      stop.throw_if_interrupted("nothing of this score was saved");
      ClipBatch clips;
      for (const ClipBatch& batch : std::span(pass.batches)
                                        .subspan(first)
                                        .first(std::min(threads, pass.batches.size() - first)))
        clips.insert(clips.end(), batch.begin(), batch.end());
      std::vector<std::vector<float>> audio;
      for (const int64_t clip : clips) audio.push_back(data_->audio->read(clip));
      const std::vector<ClipFeatures> encoded = features(audio);
      for (size_t i = 0; i < clips.size(); ++i) give(pass, clips[i], encoded[i]);
    }
  };
  add_clips(data_->passes[0], of_training);
  of_each_run([&](size_t i) { runs[i]->fit(); });
  add_clips(data_->passes[1], of_scored);
  std::vector<std::vector<TaskScore>> scores(runs.size());
  of_each_run([&](size_t i) { scores[i] = runs[i]->scores(intervals); });
  std::vector<TaskScore> all;
  for (std::vector<TaskScore>& each : scores) std::ranges::move(each, std::back_inserter(all));
  return all;
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
    return prepare_or_log(name, task_manifest(manifest, options, name), options, split).task !=
           nullptr;
  });
  return names;
}

}  // namespace concertina
