// Corpora from Debian speech packages and from folders of audio. A tier is data: a list of packages, each with the
// reader that turns its unpacked files into clips.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/stop.h"
#include "speech/manifest.h"

namespace concertina {

struct SkippedFile {
  std::string path;
  std::string reason;
};

struct CorpusReport {
  std::filesystem::path manifest;  // manifest.tsv that was written
  int64_t clips = 0;
  int64_t duplicates = 0;          // byte-identical after decoding
  double minutes = 0;
  std::vector<SkippedFile> skipped;
  struct Package { std::string name, version, sha256; };
  std::vector<Package> packages;
};

struct FetchOptions {
  std::string tier = "quickstart";   // see tier_names()
  std::filesystem::path root;        // gets packages/, audio/, phones/, manifest.tsv, packages.tsv, skipped.tsv
  std::filesystem::path from;        // folder with .deb files already there; empty: apt-get download
};

std::vector<std::string> tier_names();
// Does nothing but read the manifest when `root` already holds this tier, complete. SystemError on download failure.
CorpusReport fetch_corpus(const FetchOptions& options, const StopToken& stop);

// A manifest of any folder of audio: speaker from the folder names (LibriSpeech layout recognised), splits by speaker
// group hash 80/10/10. Corrupt, empty or too short files are listed in the report, never fatal.
CorpusReport scan_corpus(const std::filesystem::path& folder, const std::filesystem::path& manifest, const StopToken& stop);

}  // namespace concertina
