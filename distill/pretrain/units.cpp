#include "distill/pretrain/units.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "core/errors.h"
#include "distill/objective/kmeans.h"
#include "speech/audio.h"
#include "supernet/model/forward.h"
#include "supernet/nn/mel.h"

namespace concertina {
namespace {

constexpr int32_t kFrameUs = 20000;
constexpr int64_t kFrameSamples = 320;  // two MFCC hops
constexpr int64_t kPieceFrames = 1500;  // of a clip that are encoded at once
constexpr int64_t kGroupFrames = 3000;  // whole clips are grouped up to about a minute
constexpr int64_t kPoolFactor = 4;      // candidates for each frame that is sampled

using Group = std::pair<size_t, size_t>;  // clips first..last-1

std::vector<Group> groups_of(const JoinedClips& clips) {
  std::vector<Group> groups;
  const auto& spans = clips.clips();
  for (size_t first = 0; first < spans.size();) {
    size_t last = first;
    int64_t frames = 0;
    while (last < spans.size() && (last == first || frames + spans[last].frames <= kGroupFrames)) {
      frames += spans[last++].frames;
    }
    groups.emplace_back(first, last);
    first = last;
  }
  return groups;
}

// Two MFCC frames for each of `frames` stream frames, [2 * frames, coefficients].
at::Tensor stream_mfcc(const JoinedClips& clips, int64_t first, int64_t frames,
                       int32_t coefficients) {
  std::vector<at::Tensor> blocks;
  for (int64_t done = 0; done < frames; done += kGroupFrames) {
    const int64_t count = std::min(kGroupFrames, frames - done);
    at::Tensor samples =
        at::zeros({1, (count + 1) * kFrameSamples});  // one more frame: the last windows need it
    const int64_t available = std::min(count + 1, clips.total_frames() - first - done);
    clips.read(first + done, std::span<float>(samples.data_ptr<float>(),
                                              static_cast<size_t>(available * kFrameSamples)));
    blocks.push_back(mfcc(samples, coefficients)[0].narrow(0, 0, 2 * count));
  }
  return blocks.size() == 1 ? blocks[0] : at::cat(blocks);
}

int64_t frame_count(const JoinedClips& clips, const Group& group) {
  const auto& last = clips.clips()[group.second - 1];
  return last.first_frame + last.frames - clips.clips()[group.first].first_frame;
}

at::Tensor spliced_mfcc(const JoinedClips& clips, size_t first, size_t last,
                        const UnitOptions& options) {
  const auto& spans = clips.clips();
  const int64_t start = spans[first].first_frame;
  const int64_t frames = frame_count(clips, {first, last});
  const int64_t splice = options.splice, before = (splice - 1) / 2;
  at::Tensor mfccs = stream_mfcc(clips, start, frames, options.coefficients);
  at::Tensor place = at::empty({frames * splice}, at::kLong);
  int64_t* at = place.data_ptr<int64_t>();
  for (size_t clip = first; clip < last; ++clip) {
    const int64_t low = 2 * (spans[clip].first_frame - start), high = low + 2 * spans[clip].frames;
    at::Tensor own = mfccs.narrow(0, low, high - low);
    own.sub_(own.mean(0, true));
    for (int64_t row = low; row < high; row += 2) {
      for (int64_t j = 0; j < splice; ++j) *at++ = std::clamp(row - before + j, low, high - 1);
    }
  }
  return mfccs.index_select(0, place).view({frames, splice * options.coefficients});
}

// The hidden states of `frames` frames of the stream, the last one repeated for frames without
// output.
at::Tensor hidden_frames(const JoinedClips& clips, int64_t first, int64_t frames,
                         const Subnet& model, int32_t layer, at::Device device) {
  at::Tensor audio = at::empty({1, frames * kFrameSamples});
  clips.read(first, std::span<float>(audio.data_ptr<float>(), static_cast<size_t>(audio.numel())));
  SpeechBatch batch = make_batch(audio);
  batch.waveform = batch.waveform.to(device);
  const WantedOutputs wants{.hidden = {layer}, .last_layer = layer};
  const at::Tensor hidden = encode(model, batch, wants).hidden[static_cast<size_t>(layer)][0];
  const at::Tensor place = at::arange(frames, at::kLong).clamp_max(hidden.size(0) - 1);
  return hidden.to(at::kCPU, at::kFloat).index_select(0, place);
}

at::Tensor hidden_clip(const JoinedClips& clips, const JoinedClips::ClipSpan& span,
                       const Subnet& model, int32_t layer, at::Device device) {
  if (model.blueprint.frames(span.frames * kFrameSamples) < 1) {
    return at::zeros({span.frames, model.architecture.embed_dim()});
  }
  const int64_t parts = (span.frames + kPieceFrames - 1) / kPieceFrames;
  std::vector<at::Tensor> pieces;
  for (int64_t i = 0; i < parts; ++i) {
    const int64_t begin = span.frames * i / parts, end = span.frames * (i + 1) / parts;
    pieces.push_back(
        hidden_frames(clips, span.first_frame + begin, end - begin, model, layer, device));
  }
  return at::cat(pieces);
}

}  // namespace

UnitFeatures mfcc_features(const UnitOptions& options) {
  return [options](const JoinedClips& clips, size_t first, size_t last) {
    return spliced_mfcc(clips, first, last, options);
  };
}

UnitFeatures layer_features(const Supernet& model, int32_t layer, at::ScalarType dtype,
                            at::Device device) {
  const Architecture shape = model.space().largest();
  if (layer > shape.depth()) {
    throw InputError(
        fmt::format("units.layer is {}, but the model has {} layers", layer, shape.depth()));
  }
  const Blueprint& blueprint = model.blueprint();
  if (blueprint.sample_rate != kClipSampleRate || shape.frame_period_us() != kFrameUs ||
      blueprint.base_frame_samples() != kFrameSamples) {
    throw InputError(
        fmt::format("units.model has frames of {} ms at {} Hz; units need 20 ms at 16000 Hz",
                    static_cast<double>(shape.frame_period_us()) * 1e-3, blueprint.sample_rate));
  }
  return [subnet = model.to(device).slice(shape, dtype), layer, device](const JoinedClips& clips,
                                                                        size_t first, size_t last) {
    std::vector<at::Tensor> rows;
    for (size_t clip = first; clip < last; ++clip)
      rows.push_back(hidden_clip(clips, clips.clips()[clip], subnet, layer, device));
    return at::cat(rows);
  };
}

UnitFit fit_units(const JoinedClips& clips, const UnitOptions& options,
                  const UnitFeatures& features, const Rng& rng) {
  at::NoGradGuard no_grad;
  if (clips.total_frames() < options.clusters) {
    throw InputError(fmt::format("units.clusters is {}, but the training audio has only {} frames",
                                 options.clusters, clips.total_frames()));
  }
  std::vector<Group> groups = groups_of(clips);
  Rng order = rng.fork("unit sample");
  order.shuffle(std::span<Group>(groups));
  std::vector<at::Tensor> pool;
  int64_t frames = 0;
  for (const Group& group : groups) {
    if (frames >= kPoolFactor * options.sample_frames) break;
    pool.push_back(features(clips, group.first, group.second));
    frames += pool.back().size(0);
  }
  std::vector<int64_t> chosen(static_cast<size_t>(frames));
  std::iota(chosen.begin(), chosen.end(), 0);
  order.shuffle(std::span<int64_t>(chosen));
  chosen.resize(std::min(chosen.size(),
                         static_cast<size_t>(std::max(options.sample_frames, options.clusters))));
  const at::Tensor points = at::cat(pool).index_select(0, at::tensor(chosen, at::kLong));
  const at::Tensor centroids =
      kmeans(points, options.clusters, options.iterations, rng.fork("kmeans"), options.restarts);
  return {centroids, distortion(points, centroids)};
}

at::Tensor label_frames(const JoinedClips& clips, const UnitFeatures& features,
                        const at::Tensor& centroids) {
  at::NoGradGuard no_grad;
  at::Tensor labels = at::empty({clips.total_frames()}, at::kShort);
  for (const Group& group : groups_of(clips)) {
    const at::Tensor points = features(clips, group.first, group.second);
    labels.narrow(0, clips.clips()[group.first].first_frame, points.size(0))
        .copy_(nearest_centroid(points, centroids));
  }
  return labels;
}

}  // namespace concertina
