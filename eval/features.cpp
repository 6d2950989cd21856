#include <ATen/ATen.h>

#include <algorithm>

#include "core/errors.h"
#include "eval/tasks.h"
#include "supernet/model/forward.h"
#include "supernet/nn/mel.h"
#include "supernet/space/frames.h"

namespace concertina {
namespace {

constexpr int32_t kBaselineCoefficients = 20;
constexpr int64_t kBaselineContext = 8;
constexpr int64_t kBaselineStep = 2;  // 10 ms frames of the MFCC in one frame of the baseline

double first_centre_s(const Blueprint& blueprint) {
  return static_cast<double>(samples_for_frames(blueprint, 1)) / 2 / blueprint.sample_rate;
}

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

ClipFeatures mfcc_baseline(const std::vector<float>& samples) {
  const MelOptions options{.bins = 40};
  const at::Tensor waveform = at::from_blob(const_cast<float*>(samples.data()),
                                            {1, static_cast<int64_t>(samples.size())}, at::kFloat);
  const at::Tensor frames = mfcc(waveform, kBaselineCoefficients, options).squeeze(0);
  const double rate = options.sample_rate;
  return {with_context(frames, kBaselineStep, kBaselineContext).unsqueeze(0),
          static_cast<double>(kBaselineStep * options.hop) / rate, options.window / 2.0 / rate};
}

}  // namespace

FeatureExtractor subnet_features(Subnet subnet) {
  return [subnet = std::move(subnet)](const std::vector<std::vector<float>>& clips) {
    const c10::InferenceMode guard;
    const EncoderOutput output =
        encode(subnet, make_batch(clips), WantedOutputs{.all_hidden = true});
    std::vector<at::Tensor> layers;
    for (const at::Tensor& hidden : output.hidden) {
      layers.push_back(to_base_frames(output.frames, hidden).to(at::kFloat));
    }
    const at::Tensor stacked = at::stack(layers);  // [L, B, T, E]
    if (!at::isfinite(stacked).all().item<bool>())
      throw NumericError("features are not finite numbers: the model's weights are damaged");
    const at::Tensor lengths = output.frames.base_lengths;
    std::vector<ClipFeatures> features;
    for (int64_t b = 0; b < stacked.size(1); ++b) {
      const int64_t frames = lengths[b].item<int64_t>();
      features.push_back({stacked.select(1, b).narrow(1, 0, frames),
                          subnet.blueprint.base_frame_period_us() * 1e-6,
                          first_centre_s(subnet.blueprint)});
    }
    return features;
  };
}

FeatureExtractor mfcc_baseline_features() {
  return [](const std::vector<std::vector<float>>& clips) {
    const c10::InferenceMode guard;
    std::vector<ClipFeatures> features;
    std::ranges::transform(clips, std::back_inserter(features), mfcc_baseline);
    return features;
  };
}

}  // namespace concertina
