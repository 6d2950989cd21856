// Query by example: which clips hold the words of a query, by the cheapest match of its frames with a
// part of theirs. No probe is trained; a layer is chosen on train.
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/errors.h"
#include "eval/spoken_queries.h"
#include "eval/task.h"
#include "speech/dtw.h"

namespace concertina {
namespace {

constexpr int64_t kTrainingQueries = 30, kTrainingDocuments = 100;

// Mean and deviation of the frames of one layer.
struct FrameMoments {
  at::Tensor mean, scale;  // [D]

  explicit FrameMoments(const std::vector<at::Tensor>& clips) {  // [T, D] each
    const at::Tensor frames = at::cat(clips);
    mean = frames.mean(0);
    scale = (frames - mean).square().mean(0).clamp_min(1e-12).rsqrt();
  }
  at::Tensor directions(const at::Tensor& frames) const {  // of length 1
    const at::Tensor z = (frames - mean) * scale;
    return z / z.norm(2, {1}, true).clamp_min(1e-12);
  }
};

using ClipFrames = std::map<int64_t, at::Tensor>;  // [T, D] by clip

// One matrix of all documents, so that one product compares a query with all of them.
struct DocumentFrames {
  at::Tensor frames;           // [sum of T, D]
  std::vector<int64_t> first;  // of each document, and the end of the last

  DocumentFrames(const QuerySet& set, const ClipFrames& clips, const FrameMoments& moments)
      : first{0} {
    std::vector<at::Tensor> parts;
    for (const int64_t document : set.documents) {
      parts.push_back(moments.directions(clips.at(document)));
      first.push_back(first.back() + parts.back().size(0));
    }
    frames = at::cat(parts);
  }
};

// Scores of one query's searches: standardised over them, for all queries share a threshold.
void add_trials(const std::vector<QuerySet::Searched>& searches, int64_t query,
                const at::Tensor& frames, const DocumentFrames& documents,
                std::vector<SearchTrial>& trials) {
  // [T of the query, sum of T]
  const at::Tensor costs = (1 - frames.mm(documents.frames.t())).contiguous();
  const float* first = costs.const_data_ptr<float>();
  std::vector<double> scores(searches.size());
  at::parallel_for(0, std::ssize(searches), 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto document = static_cast<size_t>(searches[static_cast<size_t>(i)].document);
      const int64_t start = documents.first[document];
      scores[static_cast<size_t>(i)] = -subsequence_dtw_distance(
          {first + start, costs.size(0), documents.first[document + 1] - start, costs.size(1)});
    }
  });
  const at::Tensor all = at::tensor(scores, at::kDouble);
  const double mean = all.mean().item<double>();
  const double deviation = std::max((all - mean).square().mean().sqrt().item<double>(), 1e-9);
  for (size_t i = 0; i < searches.size(); ++i)
    trials.push_back({query, searches[i].target, (scores[i] - mean) / deviation});
}

std::vector<SearchTrial> search_trials(const QuerySet& set, const ClipFrames& clips,
                                       const FrameMoments& moments) {
  const DocumentFrames documents(set, clips, moments);
  std::vector<SearchTrial> trials;
  for (size_t q = 0; q < set.queries.size(); ++q)
    add_trials(set.searches[q], static_cast<int64_t>(q),
               moments.directions(clips.at(set.queries[q])), documents, trials);
  return trials;
}

struct QueryTask : Task {
  QueryTask(QuerySet of_train, QuerySet of_split, LayerRule layer_rule)
      : training(std::move(of_train)), scored(std::move(of_split)), rule(layer_rule) {
    for (const auto& [set, clips] :
         {std::pair(&training, &training_clips), std::pair(&scored, &scored_clips)}) {
      clips->insert(set->queries.begin(), set->queries.end());
      clips->insert(set->documents.begin(), set->documents.end());
    }
  }
  bool wants(int64_t clip) const override {
    return training_clips.contains(clip) || scored_clips.contains(clip);
  }
  std::unique_ptr<TaskRun> start() const override;

  QuerySet training, scored;
  std::set<int64_t> training_clips, scored_clips;
  LayerRule rule;
};

class QueryRun : public TaskRun {
 public:
  explicit QueryRun(const QueryTask& task) : task_(task) {}

  void add(int64_t clip, const ClipFeatures& features) override {
    if (task_.training_clips.contains(clip)) {
      layers_.resize(static_cast<size_t>(features.layers.size(0)));
      for (size_t l = 0; l < layers_.size(); ++l)
        layers_[l][clip] = features.layers[static_cast<int64_t>(l)].to(at::kFloat);
      return;
    }
    CONCERTINA_ASSERT(moments_.has_value());
    scored_[clip] = features.layers[layer_].to(at::kFloat).clone();
  }

  void fit() override {
    double most = -1;
    for (size_t l = 0; l < layers_.size(); ++l) {
      const FrameMoments moments = moments_of(l);
      const double value =
          max_term_weighted_value(search_trials(task_.training, layers_[l], moments));
      if (value <= most) continue;
      most = value;
      layer_ = static_cast<int64_t>(l);
      moments_ = moments;
    }
    layers_.clear();
  }

  std::vector<TaskScore> scores(Intervals intervals) const override {
    const std::vector<SearchTrial> trials = search_trials(task_.scored, scored_, *moments_);
    TaskScore score{.metric = "qbe.mtwv", .value = max_term_weighted_value(trials)};
    score.setting = fmt::format("{}, chosen on {} queries of train; {} queries in {} clips",
                                layer_name(layer_, task_.rule), task_.training.queries.size(),
                                task_.scored.queries.size(), task_.scored.documents.size());
    if (intervals == Intervals::kBootstrap) {
      const Interval interval =
          bootstrap_term_weighted_value(trials, Rng(0).fork("bootstrap qbe.mtwv"));
      score.low = interval.low;
      score.high = interval.high;
    }
    return {score};
  }

 private:
  FrameMoments moments_of(size_t layer) const {
    std::vector<at::Tensor> clips;
    for (const auto& [clip, frames] : layers_[layer]) clips.push_back(frames);
    return FrameMoments(clips);
  }

  const QueryTask& task_;
  std::vector<ClipFrames> layers_;  // of train
  ClipFrames scored_;               // of the chosen layer
  int64_t layer_ = 0;
  std::optional<FrameMoments> moments_;
};

std::unique_ptr<TaskRun> QueryTask::start() const { return std::make_unique<QueryRun>(*this); }

PreparedTask prepare_qbe(const Manifest& manifest, const TaskOptions& options, Split split) {
  const int64_t queries = options.qbe_queries, documents = options.qbe_documents;
  QuerySet training =
      pick_queries(manifest, options, Split::kTrain, std::min(queries, kTrainingQueries),
                   std::min(documents, kTrainingDocuments));
  QuerySet scored = pick_queries(manifest, options, split, queries, documents);
  for (const auto& [set, part] : {std::pair(&training, Split::kTrain), std::pair(&scored, split)}) {
    if (set->queries.empty())
      return {nullptr, fmt::format("no clip of split {} says up to {} words that a clip of another "
                                   "group says, too (columns 'text', 'keyword', 'group' and "
                                   "'split')",
                                   split_name(part), kMostQueryWords)};
  }
  return {std::make_unique<QueryTask>(std::move(training), std::move(scored), options.layers), ""};
}

Facts qbe_facts(const Manifest& manifest, const TaskOptions& options) {
  const std::string data = hash_of_clips(manifest, [](const Clip& clip) {
    if (clip.keyword.empty() && clip.text.empty()) return std::string();
    return fmt::format("{}\t{}\t{}\t{}\t{}\t{}", audio_of(clip), clip.source, clip.speaker,
                       clip.group, clip.keyword, clip.text);
  });
  return {{"data", data},
          {"tasks.qbe_queries", fmt::format("{}", options.qbe_queries)},
          {"tasks.qbe_documents", fmt::format("{}", options.qbe_documents)}};
}

}  // namespace

const TaskKind kQueryTask = {.name = "qbe",
                             .labels = "clips of a few words that others say, too",
                             .prepare = prepare_qbe,
                             .facts = qbe_facts,
                             .test_facts = nullptr,
                             .same_text_leaks = false,
                             .fidelity_version = kFidelityVersion};

}  // namespace concertina
