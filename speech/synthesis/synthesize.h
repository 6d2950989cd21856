// Synthetic clips as files and rows of a manifest.
#pragma once

#include <filesystem>
#include <span>

#include "core/stop.h"
#include "speech/collect.h"
#include "speech/synthesis/voices.h"

namespace concertina {

// Says `clips` with the engines: audio/ID.wav and phones/ID.lab under `root`, and the rows that
// describe them. Errors as synthesize_corpus()'s.
CollectedClips synthesize_clips(std::span<const SyntheticClip> clips,
                                const std::filesystem::path& root, const StopToken& stop);

}  // namespace concertina
