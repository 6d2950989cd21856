#include "eval/attack.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <string_view>
#include <utility>

#include "core/errors.h"
#include "core/hash.h"
#include "supernet/model/forward.h"
#include "supernet/nn/one_thread_each.h"
#include "supernet/space/windows.h"

namespace concertina {
namespace {

constexpr double kFirstStep = 1e-3;  // of the bound

uint64_t hash_of(const std::vector<float>& clip) {
  return hash64({reinterpret_cast<const char*>(clip.data()), clip.size() * sizeof(float)});
}

at::Tensor as_row(const std::vector<float>& clip) {  // [1, N], a copy
  return at::tensor(clip, at::kFloat).unsqueeze(0);
}

std::vector<float> as_clip(const at::Tensor& row) {
  const at::Tensor samples = row.flatten().contiguous();
  const float* first = samples.const_data_ptr<float>();
  return {first, first + samples.numel()};
}

// Noise [1, N] added to the clip [1, N] at the ratio; silence stays silence.
std::vector<float> with_noise(const at::Tensor& clip, const at::Tensor& noise, double ratio) {
  const double level = noise.norm().item<double>();
  const double scale = level > 0 ? ratio * clip.norm().item<double>() / level : 0;
  return as_clip(clip + noise * scale);
}

// Mean of all hidden states, [1, T, E].
at::Tensor mean_of_layers(const Subnet& subnet, const at::Tensor& waveform) {
  const EncoderOutput output =
      encode(subnet, make_batch(waveform), WantedOutputs{.all_hidden = true});
  at::Tensor sum;
  for (const at::Tensor& hidden : output.hidden) {
    const at::Tensor base = to_base_frames(output.frames, hidden);
    sum = sum.defined() ? sum + base : base;
  }
  return sum / static_cast<double>(output.hidden.size());
}

at::Tensor signs(at::IntArrayRef shape, Rng rng) {
  at::Tensor values = at::empty(shape, at::kFloat);
  float* first = values.mutable_data_ptr<float>();
  for (int64_t i = 0; i < values.numel(); ++i) first[i] = rng.chance(0.5) ? 1.0F : -1.0F;
  return values;
}

// Noise [1, N] of at most `bound` for one part of a clip.
at::Tensor bim_noise(const Subnet& source, const at::Tensor& clip, double bound,
                     const AttackOptions& options, Rng rng) {
  const c10::InferenceMode no_inference(false);
  const at::AutoGradMode with_gradients(true);
  const at::Tensor clean = mean_of_layers(source, clip).detach();
  at::Tensor noise = signs(clip.sizes(), std::move(rng)) * (kFirstStep * bound);
  for (int32_t step = 0; step < options.steps; ++step) {
    const at::Tensor leaf = noise.detach().requires_grad_();
    (mean_of_layers(source, clip + leaf) - clean).norm().backward();
    noise = (leaf.detach() + 2 * bound / options.steps * leaf.grad().sign()).clamp(-bound, bound);
  }
  return noise;
}

std::vector<float> attacked(const Subnet& source, const std::vector<float>& samples,
                            const AttackOptions& options) {
  const c10::InferenceMode no_inference(false);
  const at::Tensor clip = as_row(samples);
  const int64_t length = clip.size(1), shortest = source.blueprint.base_frame_samples();
  int64_t part = length;
  if (source.blueprint.position_embeddings > 0)
    part = std::min(length, static_cast<int64_t>(longest_clip_s(source.blueprint) *
                                                 source.blueprint.sample_rate));
  const double bound = options.noise_to_signal * clip.square().mean().sqrt().item<double>();
  const Rng rng = Rng(options.seed).fork("bim", hash_of(samples));
  at::Tensor noise = at::zeros_like(clip);
  for (int64_t begin = 0; begin < length && bound > 0; begin += part) {
    const int64_t size = std::min(part, length - begin);
    if (source.blueprint.frames(size) < 1 || size < shortest) break;
    noise.narrow(1, begin, size)
        .copy_(bim_noise(source, clip.narrow(1, begin, size), bound, options,
                         rng.fork("part", static_cast<uint64_t>(begin))));
  }
  return with_noise(clip, noise, options.noise_to_signal);
}

}  // namespace

Perturbation bim_attack(Subnet source, const AttackOptions& options) {
  return [source = std::move(source), options](const std::vector<float>& clip) {
    return attacked(source, clip, options);
  };
}

Perturbation gaussian_noise(const AttackOptions& options) {
  return [options](const std::vector<float>& clip) {
    Rng rng = Rng(options.seed).fork("gaussian noise", hash_of(clip));
    at::Tensor noise = at::empty({1, static_cast<int64_t>(clip.size())}, at::kFloat);
    float* values = noise.mutable_data_ptr<float>();
    for (int64_t i = 0; i < noise.numel(); ++i) values[i] = static_cast<float>(rng.normal());
    return with_noise(as_row(clip), noise, options.noise_to_signal);
  };
}

Perturbation remembered(Perturbation perturbation) {
  struct Memory {
    std::mutex mutex;
    std::map<std::vector<float>, std::vector<float>> clips;
  };
  return [memory = std::make_shared<Memory>(),
          perturbation = std::move(perturbation)](const std::vector<float>& clip) {
    {
      const std::scoped_lock lock(memory->mutex);
      const auto found = memory->clips.find(clip);
      if (found != memory->clips.end()) return found->second;
    }
    std::vector<float> noisy = perturbation(clip);
    const std::scoped_lock lock(memory->mutex);
    return memory->clips.emplace(clip, std::move(noisy)).first->second;
  };
}

PerturbedFeatures::PerturbedFeatures(FeatureExtractor features, Perturbation noise)
    : features_(std::move(features)), noise_(std::move(noise)) {}

FeatureExtractor PerturbedFeatures::extractor() {
  return [this](const std::vector<std::vector<float>>& clips) {
    std::vector<std::vector<float>> noisy(clips.size());
    one_thread_each(clips.size(), [&](size_t i) { noisy[i] = noise_(clips[i]); });
    const c10::InferenceMode guard;
    const std::vector<ClipFeatures> clean = features_(clips);
    std::vector<ClipFeatures> moved = features_(noisy);
    for (size_t i = 0; i < clips.size(); ++i) {
      const at::Tensor z = clean[i].layers.mean(0), difference = moved[i].layers.mean(0) - z;
      sum_ += difference.norm().item<double>() / std::max(z.norm().item<double>(), 1e-12);
      ++clips_;
    }
    return moved;
  };
}

double PerturbedFeatures::deviation_rate() const {
  return clips_ > 0 ? sum_ / static_cast<double>(clips_) : 0;
}

}  // namespace concertina
