// The first stage: the tier's packages as 16 kHz audio and a manifest, or a manifest that is
// already there.
#include "pipeline/stages.h"
#include "core/log.h"
#include "speech/corpus.h"
#include "speech/manifest.h"

namespace concertina {

std::filesystem::path corpus_manifest(const PipelineConfig& config) {
  return config.corpus.manifest.empty() ? config.corpus.root / "manifest.tsv"
                                        : config.corpus.manifest;
}

void run_corpus_stage(const PipelineConfig& config, const Globals& globals) {
  if (!config.corpus.manifest.empty()) {
    const Manifest manifest = read_manifest(config.corpus.manifest);
    log_info("corpus: {} clips, {:.1f} minutes", manifest.clips.size(), manifest.minutes());
    return;
  }
  const CorpusReport report = fetch_corpus(
      {.tier = config.corpus.tier, .root = config.corpus.root, .from = config.corpus.from},
      globals.stop);
  log_info("corpus: {} clips, {:.1f} minutes; {} duplicates left out, {} files skipped{}",
           report.clips, report.minutes, report.duplicates, report.skipped.size(),
           report.already_there ? " (already there)" : "");
}

}  // namespace concertina
