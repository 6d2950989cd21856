#include "speech/augmentation.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/errors.h"
#include "speech/resample.h"

namespace concertina {
namespace {

void read_probability(ConfigSection& section, std::string_view key, double& value) {
  section.read(key, value, kShareBounds);
}

// "[low, high]" within what is sensible.
void read_range(ConfigSection& section, std::string_view key, double least, double most,
                double& low, double& high) {
  std::vector<double> values = {low, high};
  section.read(key, values);
  if (values.size() != 2 || !(least <= values[0] && values[0] <= values[1] && values[1] <= most)) {
    return section.problem(key,
                           fmt::format("expected [lowest, highest] within {} to {}", least, most));
  }
  low = values[0];
  high = values[1];
}

void read_decibels(ConfigSection& section, std::string_view key, DecibelRange& range) {
  read_range(section, key, -100, 100, range.low, range.high);
}

MixingOptions read_mixing(ConfigSection section, bool has_noise) {
  MixingOptions o;
  if (!has_noise) o.noise_probability = 0;
  read_probability(section, "probability", o.probability);
  read_probability(section, "noise_probability", o.noise_probability);
  read_probability(section, "longest", o.longest);
  read_decibels(section, "utterance_snr", o.utterance_snr);
  read_decibels(section, "noise_snr", o.noise_snr);
  if (!has_noise && o.noise_probability > 0)
    section.problem("noise_probability", "needs augment.noise_clips, a manifest of noise");
  return o;
}

NoiseOptions read_noise(ConfigSection section, bool has_noise) {
  NoiseOptions o;
  read_probability(section, "probability", o.probability);
  read_decibels(section, "snr", o.snr);
  if (!has_noise && o.probability > 0)
    section.problem("probability", "needs augment.noise_clips, a manifest of noise");
  return o;
}

BandLimitOptions read_band_limit(ConfigSection section) {
  BandLimitOptions o;
  read_probability(section, "probability", o.probability);
  read_range(section, "cutoff", 100, 7999, o.lowest, o.highest);
  return o;
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

AugmentOptions AugmentOptions::from_config(ConfigSection section) {
  AugmentOptions o;
  section.read("noise_clips", o.noise_clips);
  const bool has_noise = !o.noise_clips.empty();
  o.mixing = read_mixing(section.section("mixing"), has_noise);
  o.noise = read_noise(section.section("noise"), has_noise);
  o.band_limit = read_band_limit(section.section("band_limit"));
  return o;
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
  if (band.chance(o.probability)) band_limit(utterance, band.uniform(o.lowest, o.highest));
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
  const DecibelRange& snr = by_noise ? o.noise_snr : o.utterance_snr;
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
