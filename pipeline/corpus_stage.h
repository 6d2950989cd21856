// The first stage: a tier's packages as 16 kHz audio and a manifest, or a manifest that is already
// there.
#pragma once

#include <filesystem>

namespace concertina {

struct Pipeline;
struct PipelineConfig;
struct Stage;

// Where the stage writes the manifest, or finds the one that the config names.
std::filesystem::path corpus_manifest(const PipelineConfig& config);
// The stages that read the corpus also depend on the manifest's fingerprint.
Stage make_corpus_stage(const Pipeline& pipeline);

}  // namespace concertina
