#include "distill/clip_states.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "core/errors.h"
#include "distill/clip_beginning.h"
#include "distill/objective/kmeans.h"
#include "speech/selection.h"
#include "supernet/model/forward.h"

namespace concertina {
namespace {

constexpr int32_t kIterations = 20;  // of k-means

// [T, E] of the last layer, at base frames.
at::Tensor frames_of(const Subnet& student, const Manifest& manifest, const Clip& clip,
                     double seconds) {
  const EncoderOutput output =
      encode(student, beginning_of(student.blueprint, manifest, clip, seconds));
  return to_base_frames(output.frames, output.frames.x)[0].to(at::kFloat);
}

at::Tensor squared_distances(const at::Tensor& frames, const at::Tensor& centroids) {
  return at::cdist(frames, centroids).square();
}

}  // namespace

at::Tensor frame_entropy(const at::Tensor& frames, const at::Tensor& centroids,
                         double temperature) {
  const at::Tensor log_p = at::log_softmax(-squared_distances(frames, centroids) / temperature, 1);
  return -(log_p.exp() * log_p).sum(1);
}

ClipStates clip_states(const Subnet& student, const Manifest& manifest,
                       std::span<const size_t> clips, const ClipStatesOptions& options,
                       const Rng& rng, const StopToken& stop) {
  const c10::InferenceMode guard;
  if (clips.empty()) throw InputError("there are no clips to choose from");
  const auto read = [&](size_t i) {
    stop.throw_if_interrupted("");
    return frames_of(student, manifest, manifest.clips[clips[i]], options.seconds);
  };
  ClipOrder fitted = random_order(clips.size(), rng.fork("fitted clips"));
  fitted.resize(std::min(fitted.size(), static_cast<size_t>(options.fitted_on)));
  std::vector<at::Tensor> sample;
  for (const size_t i : fitted) sample.push_back(read(i));
  const at::Tensor points = at::cat(sample);
  const auto clusters = static_cast<int32_t>(std::min<int64_t>(options.clusters, points.size(0)));
  const at::Tensor centroids = kmeans(points, clusters, kIterations, rng.fork("k-means"));
  const double temperature = std::max(distortion(points, centroids), 1e-12);

  ClipStates states;
  std::vector<at::Tensor> means;
  for (size_t i = 0; i < clips.size(); ++i) {
    const at::Tensor frames = read(i);
    means.push_back(frames.mean(0));
    states.uncertainty.push_back(
        frame_entropy(frames, centroids, temperature).mean().item<double>());
  }
  const at::Tensor all = at::stack(means);
  states.features =
      ((all - all.mean(0)) / all.std(0, /*unbiased=*/false).clamp_min(1e-8)).contiguous();
  return states;
}

}  // namespace concertina
