#include "eval/distill_score.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "core/errors.h"
#include "speech/joined_clips.h"

namespace concertina {
namespace {

// Equal batches where the crops divide, so that their means have equal weight.
constexpr int32_t kBatchCrops = 8;

at::Tensor read_crops(const JoinedClips& clips, int64_t first, int64_t count, int64_t frames,
                      int64_t frame_samples, const Rng& rng) {
  const at::Tensor waveform = at::empty({count, frames * frame_samples});
  auto* samples = waveform.mutable_data_ptr<float>();
  for (int64_t i = 0; i < count; ++i) {
    Rng crop_rng = rng.fork("crop", static_cast<uint64_t>(first + i));
    const int64_t begin = clips.draw(frames, crop_rng);
    clips.read(begin,
               {samples + i * frames * frame_samples, static_cast<size_t>(frames * frame_samples)});
  }
  return waveform;
}

}  // namespace

DistillScore::DistillScore(std::span<const Subnet> teachers, const Blueprint& student,
                           TrainedObjective trained, const Manifest& manifest, Split split,
                           const DistillScoreOptions& options)
    : trained_(std::move(trained)) {
  const Needs needs = trained_.objective->needs();
  const bool masked = needs.mask || std::ranges::any_of(needs.rows, &Row::masked);
  if (needs.rows.empty() || needs.units || masked) {
    throw InputError(
        "the distillation score needs an objective that takes its target from a teacher, without "
        "masks and units");
  }
  const c10::InferenceMode guard;
  const int32_t frame_samples = student.base_frame_samples();
  const auto frames = static_cast<int64_t>(options.seconds * student.sample_rate / frame_samples);
  const JoinedClips clips(manifest, split, frame_samples, options.source_weight);
  const Rng rng = Rng(options.seed).fork(fmt::format("distill score {}", split_name(split)));
  for (int32_t first = 0; first < options.crops; first += kBatchCrops) {
    const int64_t count = std::min(kBatchCrops, options.crops - first);
    SpeechBatch speech = make_batch(read_crops(clips, first, count, frames, frame_samples, rng));
    StepData step{.valid = valid_frames(student, speech), .state = trained_.state};
    TensorMap goal =
        goal_of(*trained_.objective, teacher_rows(needs.rows, teachers, student, speech), step);
    batches_.push_back({std::move(speech), std::move(goal), std::move(step)});
  }
}

std::vector<double> DistillScore::scores(std::span<const Subnet> subnets) const {
  const c10::InferenceMode guard;
  std::vector<TensorMap> heads;
  for (const Subnet& subnet : subnets) {
    CONCERTINA_ASSERT(shared_front_key(subnet.architecture) ==
                      shared_front_key(subnets[0].architecture));
    heads.push_back(slice_tensors(trained_.heads, trained_.objective->slices(subnet.architecture)));
  }
  std::vector<double> sums(subnets.size(), 0.0);
  double crops = 0;
  for (const Batch& batch : batches_) {
    const Frames frames = encoder_input(subnets[0], batch.speech);
    const auto size = static_cast<double>(batch.speech.waveform.size(0));
    crops += size;
    for (size_t i = 0; i < subnets.size(); ++i) {
      const Architecture& net = subnets[i].architecture;
      const WantedOutputs wants = trained_.objective->student_wants(net);
      const EncoderOutput output = encode_from(subnets[i], frames, wants);
      const LossBreakdown loss =
          trained_.objective->loss({output, net, heads[i], batch.goal, batch.step});
      sums[i] += size * loss.total.item<double>();
    }
  }
  for (double& sum : sums) sum /= crops;
  return sums;
}

std::string shared_front_key(const Architecture& architecture) {
  return fmt::format("{} {} {}", fmt::join(architecture.conv_channels(), ","),
                     architecture.frame_period_us(), architecture.embed_dim());
}

}  // namespace concertina
