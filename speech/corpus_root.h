// The folder of a corpus that this program makes: corpus.stamp tells a finished one from an
// interrupted one and from another; packages.tsv, skipped.tsv and manifest.tsv say what it holds.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "speech/collect.h"
#include "speech/corpus.h"

namespace concertina {

struct CorpusRoot {
  std::filesystem::path path;
  std::string tier;
  std::string format;  // changes when the same tier gives other clips or labels

  // The report of a finished corpus, from its files; nothing where it is not finished, has another
  // format or lacks a clip. InputError when the folder has another corpus.
  std::optional<CorpusReport> finished() const;
  void begin() const;  // makes the folder
  // Writes the tables, the manifest and, last, the stamp of a finished corpus.
  CorpusReport finish(std::vector<CorpusReport::Package> packages, CollectedClips collected) const;
};

}  // namespace concertina
