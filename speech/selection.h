// Which training clips a teacher is asked about when audio is limited (after Hsu et al. 2022, which selects clips to
// query a model on): an order of the clips, whose beginning fills a budget, so that the clips of a small budget are
// among those of a larger one. Thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "core/enum_names.h"
#include "core/rng.h"
#include "speech/manifest.h"

namespace concertina {

enum class SelectBy { kRandom, kKCentre, kUncertainty };
template <>
inline constexpr auto kEnumNames<SelectBy> = name_table("random", "k_centre", "uncertainty");

using ClipOrder = std::vector<size_t>;  // indices, the first to be taken first

ClipOrder random_order(size_t clips, Rng rng);
// Greedy k-centre (Gonzalez 1985; Sener and Savarese 2018): after a random first one, always the clip whose
// nearest taken clip is farthest, by Euclidean distance between its `dims` features, the lowest among equals.
// features: clips one after the other. The first `most` clips; n * most * dims operations.
ClipOrder k_centre_order(std::span<const float> features, size_t dims, size_t most, Rng rng);
// The highest score first, in the given order where scores are equal.
ClipOrder highest_first(std::span<const double> scores);

// The beginning of `order` that is no longer than `seconds`; `clip_seconds` of all clips.
ClipOrder within_budget(const ClipOrder& order, std::span<const double> clip_seconds,
                        double seconds);

// A list of clips (read_clips()) with columns `id` and `split`.
void write_clip_list(const Manifest& corpus, std::span<const size_t> clips,
                     const std::filesystem::path& path);
// The corpus without those training clips that the list at `path` does not name. InputError when it
// names none.
Manifest with_training_clips(const Manifest& corpus, const std::filesystem::path& path);

}  // namespace concertina
