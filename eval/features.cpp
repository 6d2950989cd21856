#include <ATen/ATen.h>

#include <algorithm>
#include <iterator>

#include "core/errors.h"
#include "eval/encoded_batches.h"
#include "eval/tasks.h"
#include "supernet/model/forward.h"
#include "supernet/nn/mel.h"
#include "supernet/nn/one_thread_each.h"
#include "supernet/space/frames.h"
#include "supernet/space/windows.h"

namespace concertina {
namespace {

constexpr int32_t kBaselineCoefficients = 20;
constexpr int64_t kBaselineContext = 8;
constexpr int64_t kBaselineStep = 2;  // 10 ms frames of the signal in one frame of a baseline

// [F, D] -> [T, (2 * context + 1) * D], every `step`-th frame with its neighbours `step` apart;
// ends are repeated.
at::Tensor with_context(const at::Tensor& frames, int64_t step, int64_t context) {
  const at::Tensor kept = frames.slice(0, 0, std::nullopt, step);
  const int64_t n = kept.size(0);
  std::vector<at::Tensor> parts;
  for (int64_t offset = -context; offset <= context; ++offset) {
    parts.push_back(kept.index_select(0, (at::arange(n) + offset).clamp(0, n - 1)));
  }
  return at::cat(parts, 1);
}

// A clip, or a window of one that is longer than the model's positions.
struct Piece {
  size_t clip = 0;
  AudioWindow window;  // of the clip's base frames
};

std::vector<Piece> pieces_of(const Subnet& subnet, const std::vector<std::vector<float>>& clips) {
  const Blueprint& blueprint = subnet.blueprint;
  const double longest = longest_clip_s(blueprint);
  std::vector<Piece> pieces;
  for (size_t i = 0; i < clips.size(); ++i) {
    const int64_t frames = blueprint.frames(static_cast<int64_t>(clips[i].size()));
    if (blueprint.position_embeddings == 0 || frames <= blueprint.position_embeddings) {
      pieces.push_back({i, {0, frames, 0, frames}});
      continue;
    }
    const WindowOptions options{.seconds = longest, .overlap = std::min(2.0, longest / 2)};
    for (const AudioWindow& window :
         plan_windows(blueprint, subnet.architecture.frame_period_us(), frames, options)) {
      pieces.push_back({i, window});
    }
  }
  return pieces;
}

std::vector<float> samples_of(const Blueprint& blueprint, const Piece& piece,
                              const std::vector<float>& clip) {
  const AudioWindow& window = piece.window;
  const auto size = static_cast<int64_t>(clip.size());
  const int64_t first = window.first * blueprint.base_frame_samples();
  const int64_t end = std::min(size, first + samples_for_frames(blueprint, window.frames));
  return {clip.begin() + first, clip.begin() + end};
}

at::Tensor waveform_of(const std::vector<float>& samples) {
  return at::from_blob(const_cast<float*>(samples.data()),
                       {1, static_cast<int64_t>(samples.size())}, at::kFloat);
}

// frames [T, D], every kBaselineStep-th of those of `options`.
ClipFeatures baseline_of(const at::Tensor& frames, const MelOptions& options) {
  const double rate = options.sample_rate;
  return {frames.unsqueeze(0), static_cast<double>(kBaselineStep * options.hop) / rate,
          options.window / 2.0 / rate};
}

ClipFeatures mfcc_baseline(const std::vector<float>& samples) {
  const MelOptions options{.bins = 40};
  const at::Tensor frames = mfcc(waveform_of(samples), kBaselineCoefficients, options).squeeze(0);
  return baseline_of(with_context(frames, kBaselineStep, kBaselineContext), options);
}

// The slope of a line through 5 frames, sum_k k x[t + k] / sum_k k^2; ends are repeated.
at::Tensor differences_over_time(const at::Tensor& frames) {
  constexpr int64_t kReach = 2;
  const int64_t n = frames.size(0);
  at::Tensor slope = at::zeros_like(frames);
  double squares = 0;
  for (int64_t k = -kReach; k <= kReach; ++k) {
    slope += frames.index_select(0, (at::arange(n) + k).clamp(0, n - 1)) * static_cast<double>(k);
    squares += static_cast<double>(k * k);
  }
  return slope / squares;
}

ClipFeatures fbank_baseline(const std::vector<float>& samples) {
  const MelOptions options{.bins = 80};
  const at::Tensor frames = log_mel(waveform_of(samples), options).squeeze(0);
  const at::Tensor first = differences_over_time(frames);
  const at::Tensor all = at::cat({frames, first, differences_over_time(first)}, 1);
  return baseline_of(all.slice(0, 0, std::nullopt, kBaselineStep).contiguous(), options);
}

FeatureExtractor each_clip(ClipFeatures (*features_of_clip)(const std::vector<float>&)) {
  return [features_of_clip](const std::vector<std::vector<float>>& clips) {
    const c10::InferenceMode guard;
    std::vector<ClipFeatures> features;
    std::ranges::transform(clips, std::back_inserter(features), features_of_clip);
    return features;
  };
}

std::vector<ClipFeatures> encoded(const Subnet& subnet,
                                  const std::vector<std::vector<float>>& clips) {
  const c10::InferenceMode guard;
  const std::vector<Piece> pieces = pieces_of(subnet, clips);
  std::vector<std::vector<float>> cut;
  if (pieces.size() > clips.size()) {
    for (const Piece& piece : pieces)
      cut.push_back(samples_of(subnet.blueprint, piece, clips[piece.clip]));
  }
  const EncoderOutput output =
      encode(subnet, make_batch(cut.empty() ? clips : cut), WantedOutputs{.all_hidden = true});
  std::vector<at::Tensor> layers;
  for (const at::Tensor& hidden : output.hidden) {
    layers.push_back(to_base_frames(output.frames, hidden).to(at::kFloat));
  }
  const at::Tensor stacked = at::stack(layers);     // [L, B, T, E]
  const auto [least, most] = at::aminmax(stacked);  // one pass; NaN if any is
  if (!at::isfinite(at::stack({least, most})).all().item<bool>())
    throw NumericError("features are not finite numbers: the model's weights are damaged");
  const Blueprint& blueprint = subnet.blueprint;
  std::vector<std::vector<at::Tensor>> parts(clips.size());
  for (size_t p = 0; p < pieces.size(); ++p) {
    const AudioWindow& window = pieces[p].window;
    parts[pieces[p].clip].push_back(
        stacked.select(1, static_cast<int64_t>(p))
            .narrow(1, window.begin - window.first, window.end - window.begin));
  }
  std::vector<ClipFeatures> features;
  for (const std::vector<at::Tensor>& of_clip : parts) {
    features.push_back({of_clip.size() == 1 ? of_clip.front() : at::cat(of_clip, 1),
                        blueprint.base_frame_period_us() * 1e-6,
                        first_centre(blueprint) / blueprint.sample_rate});
  }
  return features;
}

}  // namespace

FeatureExtractor subnet_features(Subnet subnet) {
  return [subnet = std::move(subnet)](const std::vector<std::vector<float>>& clips) {
    std::vector<int64_t> lengths;
    std::ranges::transform(clips, std::back_inserter(lengths),
                           [](const auto& clip) { return std::ssize(clip); });
    std::vector<size_t> bounds = {0};
    while (bounds.back() < clips.size())
      bounds.push_back(encoded_batch_end(lengths, bounds.back()));
    std::vector<std::vector<ClipFeatures>> of_batches(bounds.size() - 1);
    // Two at least, for one alone would have all threads, whose number may change its rounding.
    one_thread_each(std::max<size_t>(of_batches.size(), 2), [&](size_t i) {
      if (i >= of_batches.size()) return;
      of_batches[i] = encoded(subnet, {clips.begin() + static_cast<int64_t>(bounds[i]),
                                       clips.begin() + static_cast<int64_t>(bounds[i + 1])});
    });
    std::vector<ClipFeatures> features;
    for (std::vector<ClipFeatures>& batch : of_batches)
      std::move(batch.begin(), batch.end(), std::back_inserter(features));
    return features;
  };
}

FeatureExtractor mfcc_baseline_features() { return each_clip(mfcc_baseline); }

FeatureExtractor fbank_baseline_features() { return each_clip(fbank_baseline); }

}  // namespace concertina
