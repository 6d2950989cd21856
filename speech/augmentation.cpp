#include "speech/augmentation.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/errors.h"
#include "core/option_table.h"
#include "speech/resample.h"

namespace concertina {
namespace {

constexpr Bounds kDecibels{-100, 100};
constexpr const char* kNeedsNoise = "needs augment.noise_clips, a manifest of noise";

const OptionTable<MixingOptions>& mixing_table() {
  using O = MixingOptions;
  static const OptionTable<O> table = {
      option("probability", &O::probability, "share of utterances mixed with another; WavLM: 0.2")
          .within(kShareBounds),
      option("noise_probability", &O::noise_probability,
             "share of these mixed with noise instead; 0 without noise_clips")
          .within(kShareBounds),
      option("longest", &O::longest, "share of the utterance that is mixed at most")
          .within(kShareBounds),
      option("utterance_snr", &O::utterance_snr, "energy ratio of the utterance to the other one")
          .within(kDecibels)
          .unit("dB"),
      option("noise_snr", &O::noise_snr, "energy ratio of the utterance to the noise")
          .within(kDecibels)
          .unit("dB"),
  };
  return table;
}

const OptionTable<NoiseOptions>& noise_table() {
  using O = NoiseOptions;
  static const OptionTable<O> table = {
      option("probability", &O::probability,
             "share of utterances with noise over their whole length")
          .within(kShareBounds),
      option("snr", &O::snr, "signal-to-noise ratio").within(kDecibels).unit("dB"),
  };
  return table;
}

const OptionTable<BandLimitOptions>& band_limit_table() {
  using O = BandLimitOptions;
  static const OptionTable<O> table = {
      option("probability", &O::probability, "share of utterances that are low-pass filtered")
          .within(kShareBounds),
      option("cutoff", &O::cutoff, "cutoff frequency; [3400, 4000] is telephone bandwidth")
          .within({100, 7999})
          .unit("Hz"),
  };
  return table;
}

Manifest read_noise_manifest(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) {
    throw InputError(
        fmt::format("augment.noise_clips: {} is a folder: make a manifest of it with "
                    "`concertina corpus scan {} -o noise.tsv` and name that",
                    path.string(), path.string()));
  }
  return read_manifest(path);
}

}  // namespace

bool AugmentOptions::any() const {
  return mixing.probability > 0 || noise.probability > 0 || band_limit.probability > 0;
}

const OptionTable<AugmentOptions>& augment_table() {
  using O = AugmentOptions;
  static const OptionTable<O> table = {
      // In the config fingerprint by its content, among the run's inputs.
      option("noise_clips", &O::noise_clips, "manifest of noise; its train split is used")
          .relative_to_file()
          .not_in_fingerprint()
          .then([](O& o) {
            if (o.noise_clips.empty()) o.mixing.noise_probability = 0;
          }),
      subsection("mixing", &O::mixing, mixing_table())
          .in_fingerprint_if([](const O& o) { return o.mixing.probability > 0; })
          .require(
              [](const O& o) { return !o.noise_clips.empty() || o.mixing.noise_probability == 0; },
              kNeedsNoise, "mixing.noise_probability"),
      subsection("noise", &O::noise, noise_table())
          .in_fingerprint_if([](const O& o) { return o.noise.probability > 0; })
          .require([](const O& o) { return !o.noise_clips.empty() || o.noise.probability == 0; },
                   kNeedsNoise, "noise.probability"),
      subsection("band_limit", &O::band_limit, band_limit_table())
          .in_fingerprint_if([](const O& o) { return o.band_limit.probability > 0; }),
  };
  return table;
}

AugmentOptions AugmentOptions::from_config(ConfigSection section) {
  AugmentOptions options;
  augment_table().read(std::move(section), options);
  return options;
}

Augmentation::Augmentation(AugmentOptions options) : options_(std::move(options)) {
  if (options_.noise_clips.empty()) return;
  noise_.emplace(read_noise_manifest(options_.noise_clips), Split::kTrain, 1);
}

std::string Augmentation::noise_fingerprint() const {
  return noise_ ? noise_->manifest().fingerprint() : "";
}

void Augmentation::apply(std::span<float> utterance, const JoinedClips& clips,
                         const Rng& rng) const {
  const double power = mean_power(utterance);
  mix(utterance, power, clips, rng.fork("mixing"));
  add_noise(utterance, power, rng.fork("noise"));
  Rng band = rng.fork("band_limit");
  const BandLimitOptions& o = options_.band_limit;
  if (band.chance(o.probability)) band_limit(utterance, band.uniform(o.cutoff.low, o.cutoff.high));
}

void Augmentation::mix(std::span<float> utterance, double power, const JoinedClips& clips,
                       Rng rng) const {
  const MixingOptions& o = options_.mixing;
  if (!rng.chance(o.probability)) return;
  const bool by_noise = noise_ && rng.chance(o.noise_probability);
  std::vector<float> sound(utterance.size());
  if (by_noise) {
    sound = noise_of(utterance.size(), rng);
  } else {
    const auto frames = static_cast<int64_t>(utterance.size()) / clips.frame_samples();
    clips.read(clips.draw(frames, rng), sound);
  }
  const NumberRange& snr = by_noise ? o.noise_snr : o.utterance_snr;
  const double gain = mixing_gain(power, mean_power(sound), rng.uniform(snr.low, snr.high));
  const auto length = static_cast<int64_t>(utterance.size());
  add_part(utterance, sound, draw_part(length, length, o.longest, rng), gain);
}

void Augmentation::add_noise(std::span<float> utterance, double power, Rng rng) const {
  const NoiseOptions& o = options_.noise;
  if (!rng.chance(o.probability)) return;
  const std::vector<float> sound = noise_of(utterance.size(), rng);
  const double gain = mixing_gain(power, mean_power(sound), rng.uniform(o.snr.low, o.snr.high));
  add_part(utterance, sound, {.length = static_cast<int64_t>(utterance.size())}, gain);
}

// A part of the noise clips, repeated where it is shorter than the utterance.
std::vector<float> Augmentation::noise_of(size_t length, Rng& rng) const {
  const auto taken = std::min(length, static_cast<size_t>(noise_->longest_stream()));
  std::vector<float> noise(length);
  noise_->read(noise_->draw(static_cast<int64_t>(taken), rng), std::span(noise).first(taken));
  for (size_t i = taken; i < length; ++i) noise[i] = noise[i - taken];
  return noise;
}

std::shared_ptr<const Augmentation> make_augmentation(const AugmentOptions& options) {
  return options.any() ? std::make_shared<const Augmentation>(options) : nullptr;
}

}  // namespace concertina
