#include "pipeline/corpus_stage.h"

#include "core/log.h"
#include "pipeline/pipeline.h"
#include "pipeline/stage.h"
#include "speech/corpus.h"
#include "speech/manifest.h"

namespace concertina {
namespace {

void prepare_corpus(const CorpusConfig& corpus, const StopToken& stop) {
  if (!corpus.manifest.empty()) {
    const Manifest manifest = read_manifest(corpus.manifest);
    log_info("corpus: {} clips, {:.1f} minutes", manifest.clips.size(), manifest.minutes());
    return;
  }
  const CorpusReport report =
      fetch_corpus({.tier = corpus.tier, .root = corpus.root, .from = corpus.from}, stop);
  log_info("corpus: {} clips, {:.1f} minutes; {} duplicates left out, {} files skipped{}",
           report.clips, report.minutes, report.duplicates, report.skipped.size(),
           report.already_there ? " (already there)" : "");
}

}  // namespace

std::filesystem::path corpus_manifest(const PipelineConfig& config) {
  return config.corpus.manifest.empty() ? config.corpus.root / "manifest.tsv"
                                        : config.corpus.manifest;
}

Stage make_corpus_stage(const Pipeline& pipeline) {
  const PipelineConfig& config = pipeline.config;
  const std::filesystem::path manifest = corpus_manifest(config);
  return {
      .name = "corpus",
      .settings = pipeline.section("corpus") + content_hash(config.corpus.manifest),
      .inputs = {},
      .outputs = {manifest},
      .run = [&config](const RunContext& context) { prepare_corpus(config.corpus, context.stop); },
      .content = [manifest]() -> std::optional<std::string> {
        if (!std::filesystem::exists(manifest)) return std::nullopt;
        return read_manifest(manifest).fingerprint();
      }};
}

}  // namespace concertina
