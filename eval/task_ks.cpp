// Keyword spotting: the keyword that a clip is, among those of column `keyword`.
#include "eval/column_task.h"

namespace concertina {
namespace {

ClassColumn keyword_column(const TaskOptions& options) {
  return {.task = "ks",
          .name = "keyword",
          .article = "a",
          .labels = &Clip::keyword,
          .min_clips = options.ks_min_clips,
          .min_option = "ks_min_clips"};
}

PreparedTask prepare_ks(const Manifest& manifest, const TaskOptions& options, Split split) {
  return column_task(manifest, keyword_column(options), options, split);
}

Facts ks_facts(const Manifest& manifest, const TaskOptions& options) {
  return column_facts(manifest, keyword_column(options));
}

}  // namespace

const TaskKind kKeywordTask = {.name = "ks",
                               .labels = "keywords",
                               .prepare = prepare_ks,
                               .facts = ks_facts,
                               .test_facts = nullptr,
                               .same_text_leaks = false,
                               .fidelity_version = kFidelityVersion};

}  // namespace concertina
