// Augmentation of training audio. Length and timing of the speech do not change, so units and
// targets of the clean audio stay aligned with it frame by frame.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/rng.h"
#include "speech/joined_clips.h"
#include "speech/mixing.h"

namespace concertina {

// WavLM's utterance mixing: a part of another utterance, or of a noise clip.
struct MixingOptions {
  double probability = 0;
  double noise_probability = 0.1;  // 0 where there are no noise clips
  double longest = 0.5;
  NumberRange utterance_snr{-5, 5}, noise_snr{-5, 20};
};

struct NoiseOptions {  // over the whole utterance
  double probability = 0;
  NumberRange snr{0, 20};
};

struct BandLimitOptions {  // as a telephone or an old recording does
  double probability = 0;
  NumberRange cutoff{2000, 7500};
};

// In the order in which they are applied. Levels are relative to the clean utterance.
struct AugmentOptions {
  std::filesystem::path noise_clips;  // a manifest; "": none
  MixingOptions mixing;
  NoiseOptions noise;
  BandLimitOptions band_limit;
  bool any() const;
  static AugmentOptions from_config(ConfigSection section);
};
const OptionTable<AugmentOptions>& augment_table();

class Augmentation {
 public:
  // Reads the manifest of noise clips, whose train split is used. InputError, SystemError.
  explicit Augmentation(AugmentOptions options);

  // Changes `utterance` in place: 16 kHz, a whole number of frames of `clips`, from which a second
  // utterance is drawn. All draws depend on `rng` alone. Thread-safe.
  void apply(std::span<float> utterance, const JoinedClips& clips, const Rng& rng) const;

  std::string noise_fingerprint() const;  // of the noise manifest; "" without

 private:
  void mix(std::span<float> utterance, double power, const JoinedClips& clips, Rng rng) const;
  void add_noise(std::span<float> utterance, double power, Rng rng) const;
  std::vector<float> noise_of(size_t length, Rng& rng) const;

  AugmentOptions options_;
  std::optional<JoinedClips> noise_;
};

// Null when `options` enable nothing.
std::shared_ptr<const Augmentation> make_augmentation(const AugmentOptions& options);

}  // namespace concertina
