// ABX discriminability of phones: no probe is trained, a layer is chosen on train. Tokens are the frames
// of one phone, their distance is dynamic time warping over angles between frames.
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numbers>
#include <set>
#include <utility>

#include "core/errors.h"
#include "eval/abx_interval.h"
#include "eval/phone_data.h"
#include "speech/abx.h"
#include "speech/dtw.h"
#include "speech/phones.h"
#include "supernet/nn/one_thread_each.h"

namespace concertina {
namespace {

constexpr int64_t kTrainingTriples = 1000;

// Triples of one split, and the segments that they compare.
struct AbxSet {
  std::vector<AbxToken> tokens;
  std::vector<AbxTriple> triples;
  std::map<int64_t, std::vector<size_t>> of_clip;  // tokens by clip: those that triples compare
};

// Of segments that were encoded as a whole.
std::vector<AbxToken> tokens_of(const Manifest& manifest, const PhoneData& data,
                                double clip_seconds, Split split) {
  std::set<int64_t> pauses;
  for (size_t i = 0; i < data.labels.size(); ++i) {
    if (is_pause(data.labels[i])) pauses.insert(static_cast<int64_t>(i));
  }
  std::map<std::string, int64_t> speakers;
  std::vector<AbxToken> tokens;
  for (const int64_t index : data.of(split)) {
    const Clip& row = manifest.clips[static_cast<size_t>(index)];
    const PhoneClip& clip = data.clips.at(index);
    const double length_s = static_cast<double>(row.samples) / kTaskSampleRate;
    const double encoded_s = clip_seconds > 0 ? std::min(clip_seconds, length_s) : length_s;
    const int64_t speaker =
        speakers.emplace(row.source + "\t" + row.speaker, std::ssize(speakers)).first->second;
    add_abx_tokens({clip.ends_s, clip.classes, pauses}, {.clip = index, .speaker = speaker},
                   encoded_s, tokens);
  }
  return tokens;
}

AbxSet abx_set(std::vector<AbxToken> tokens, AbxSpeakers speakers, int64_t most, Split split) {
  AbxSet set{std::move(tokens), {}, {}};
  set.triples = draw_abx_triples(set.tokens, speakers, most,
                                 Rng(0).fork(fmt::format("abx triples {}", split_name(split))));
  std::set<int64_t> compared;
  for (const AbxTriple& triple : set.triples) compared.insert({triple.a, triple.b, triple.x});
  for (const int64_t token : compared)
    set.of_clip[set.tokens[static_cast<size_t>(token)].clip].push_back(static_cast<size_t>(token));
  return set;
}

// Frames of the segment: [L, n, D], of length 1.
at::Tensor frames_of(const AbxToken& token, const ClipFeatures& features) {
  const FrameRange range =
      token_frames(token, {features.centre_s, features.period_s, features.layers.size(1)});
  const at::Tensor frames = features.layers.narrow(1, range.first, range.count).to(at::kFloat);
  return frames / frames.norm(2, {2}, true).clamp_min(1e-12);
}

// Of each layer, frames of length 1: [L, n, D] and [L, m, D].
std::vector<double> token_distances(const at::Tensor& first, const at::Tensor& second) {
  const at::Tensor angles =
      first.bmm(second.transpose(1, 2)).clamp_(-1, 1).acos_().div_(std::numbers::pi).contiguous();
  const int64_t rows = angles.size(1), columns = angles.size(2);
  std::vector<double> distances;
  for (int64_t l = 0; l < angles.size(0); ++l) {
    const float* costs = angles.const_data_ptr<float>() + l * rows * columns;
    distances.push_back(dtw_distance({costs, rows, columns, columns}));
  }
  return distances;
}

using AbxFrames = std::map<size_t, at::Tensor>;  // by token: [L, n, D]

// Of each layer.
std::vector<double> errors_of(const AbxTriple& triple, const AbxFrames& frames) {
  const at::Tensor& x = frames.at(static_cast<size_t>(triple.x));
  const auto to_a = token_distances(frames.at(static_cast<size_t>(triple.a)), x);
  const auto to_b = token_distances(frames.at(static_cast<size_t>(triple.b)), x);
  std::vector<double> errors;
  for (size_t l = 0; l < to_a.size(); ++l) errors.push_back(abx_triple_error(to_a[l], to_b[l]));
  return errors;
}

// Of each layer, the error of each triple.
std::vector<std::vector<double>> triple_errors(const AbxSet& set, const AbxFrames& frames) {
  std::vector<std::vector<double>> of_triple(set.triples.size());
  const auto parts = static_cast<size_t>(at::get_num_threads());
  one_thread_each(parts, [&](size_t part) {
    const c10::InferenceMode guard;
    for (size_t i = part; i < of_triple.size(); i += parts)
      of_triple[i] = errors_of(set.triples[i], frames);
  });
  std::vector<std::vector<double>> errors(of_triple.front().size());
  for (const std::vector<double>& each : of_triple) {
    for (size_t l = 0; l < each.size(); ++l) errors[l].push_back(each[l]);
  }
  return errors;
}

struct AbxTask : Task {
  bool wants(int64_t clip) const override {
    return training.of_clip.contains(clip) || scored.of_clip.contains(clip);
  }
  std::unique_ptr<TaskRun> start() const override;

  std::string metric;
  AbxSet training, scored;
  LayerRule rule = LayerRule::kBest;
};

class AbxRun : public TaskRun {
 public:
  explicit AbxRun(const AbxTask& task) : task_(task) {}

  void add(int64_t clip, const ClipFeatures& features) override {
    if (const auto own = task_.training.of_clip.find(clip); own != task_.training.of_clip.end()) {
      for (const size_t token : own->second)
        training_[token] = frames_of(task_.training.tokens[token], features);
      return;
    }
    CONCERTINA_ASSERT(layer_ >= 0);
    const ClipFeatures chosen{features.layers.narrow(0, layer_, 1), features.period_s,
                              features.centre_s};
    for (const size_t token : task_.scored.of_clip.at(clip))
      scored_[token] = frames_of(task_.scored.tokens[token], chosen);
  }

  void fit() override {
    double least = 2;
    const auto errors = triple_errors(task_.training, training_);
    for (size_t l = 0; l < errors.size(); ++l) {
      const double error = abx_error(task_.training.triples, errors[l]);
      if (error >= least) continue;
      least = error;
      layer_ = static_cast<int64_t>(l);
    }
    training_.clear();
  }

  std::vector<TaskScore> scores(Intervals intervals) const override {
    const AbxSet& set = task_.scored;
    const std::vector<double> errors = triple_errors(set, scored_).front();
    TaskScore score{.metric = task_.metric, .value = 100 * abx_error(set.triples, errors)};
    score.setting =
        fmt::format("{}, chosen on {} triples of train; {} triples", layer_name(layer_, task_.rule),
                    task_.training.triples.size(), set.triples.size());
    if (intervals == Intervals::kBootstrap) {
      const Interval interval =
          bootstrap_abx(set.tokens, set.triples, errors, Rng(0).fork("bootstrap " + task_.metric));
      score.low = 100 * interval.low;
      score.high = 100 * interval.high;
    }
    return {score};
  }

 private:
  const AbxTask& task_;
  AbxFrames training_, scored_;
  int64_t layer_ = -1;
};

std::unique_ptr<TaskRun> AbxTask::start() const { return std::make_unique<AbxRun>(*this); }

PreparedTask prepare_abx_of(AbxSpeakers speakers, const char* metric, const Manifest& manifest,
                            const TaskOptions& options, Split split) {
  const PhoneData data = read_phone_data(manifest, options, split);
  if (std::string missing = missing_phones(data, split); !missing.empty())
    return {nullptr, std::move(missing)};
  auto task = std::make_unique<AbxTask>();
  task->metric = metric;
  task->rule = options.layers;
  const auto set = [&](Split part, int64_t most) {
    return abx_set(tokens_of(manifest, data, options.clip_seconds, part), speakers, most, part);
  };
  task->training = set(Split::kTrain, std::min<int64_t>(kTrainingTriples, options.abx_triples));
  task->scored = set(split, options.abx_triples);
  for (const auto& [of, part] :
       {std::pair(&task->training, Split::kTrain), std::pair(&task->scored, split)}) {
    if (!of->triples.empty()) continue;
    return {nullptr,
            fmt::format("split {} has no phone that occurs twice between the same neighbours, and "
                        "another between them, {} (columns 'phones', 'speaker' and 'split')",
                        split_name(part),
                        speakers == AbxSpeakers::kWithin ? "of one speaker"
                                                         : "of one speaker and of a second one")};
  }
  return {std::move(task), ""};
}

PreparedTask prepare_abx(const Manifest& manifest, const TaskOptions& options, Split split) {
  return prepare_abx_of(AbxSpeakers::kWithin, "abx.error", manifest, options, split);
}

PreparedTask prepare_abx_across(const Manifest& manifest, const TaskOptions& options, Split split) {
  return prepare_abx_of(AbxSpeakers::kAcross, "abx_across.error", manifest, options, split);
}

Facts abx_facts(const Manifest& manifest, const TaskOptions& options) {
  Facts facts = phone_facts(manifest, options);
  facts["tasks.abx_triples"] = fmt::format("{}", options.abx_triples);
  return facts;
}

}  // namespace

const TaskKind kAbxTask = {.name = "abx",
                           .labels = "phone labels",
                           .prepare = prepare_abx,
                           .facts = abx_facts,
                           .test_facts = test_phone_facts,
                           .same_text_leaks = true};
const TaskKind kAbxAcrossTask = {.name = "abx_across",
                                 .labels = "phone labels of several speakers",
                                 .prepare = prepare_abx_across,
                                 .facts = abx_facts,
                                 .test_facts = test_phone_facts,
                                 .same_text_leaks = true};

}  // namespace concertina
