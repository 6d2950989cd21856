// Corpora from Debian speech packages and from the user's own audio. A tier is a list of packages,
// each with the reader that turns its unpacked files into clips.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/stop.h"
#include "speech/manifest.h"

namespace concertina {

// A file that gave no clip, by its path (scan) or the id it would have had (fetch).
struct SkippedFile {
  std::string path;
  std::string reason;
};

struct CorpusReport {
  std::filesystem::path manifest;  // manifest.tsv that was written
  int64_t clips = 0;
  int64_t duplicates = 0;  // clips left out because their decoded samples equal an earlier clip's
  double minutes = 0;
  std::vector<SkippedFile> skipped;
  struct Package {
    std::string name, version, sha256;
    bool verified = false;  // the hash is the one apt knows for this version
  };
  std::vector<Package> packages;
  bool already_there = false;  // nothing was done: `root` has the complete tier
};

struct FetchOptions {
  std::string tier = "quickstart";  // see tier_names()
  // Gets packages/, audio/, phones/, manifest.tsv, packages.tsv and skipped.tsv.
  std::filesystem::path root;
  // A folder with the .deb files; empty: `apt-get download` into root/packages/.
  std::filesystem::path from;
};

std::vector<std::string> tier_names();
std::vector<std::string> tier_sources(const std::string& tier);  // of its clips; InputError

// Packages -> 16 kHz mono WAVs, phone labels and manifest.tsv under `root`, without duplicates.
// Only reads when `root` already has this tier, complete by its corpus.stamp; an interrupted fetch
// is repeated from its packages. SystemError: download failed, disk full; InputError: unknown tier,
// damaged package, or `root` has other contents; Interrupted.
CorpusReport fetch_corpus(const FetchOptions& options, const StopToken& stop);

// Synthetic speech with labels of phones, keywords, intents and slots, by flite, festival and
// espeak-ng, which must be installed: WAVs, phones and tables as fetch_corpus() writes them, the
// same bytes for the same packages (root/packages.tsv has their versions). Only reads when `root` is
// complete. Voices and patterns of sentences are in one split each (docs/data.md). SystemError: a
// program is missing (names the packages to install) or fails; InputError: `root` has other
// contents; Interrupted.
CorpusReport synthesize_corpus(const std::filesystem::path& root, const StopToken& stop);

struct ScanOptions {
  // Folders of audio, WebDataset-style tar shards (.tar) and fairseq manifests (.tsv); one or more.
  std::vector<std::filesystem::path> inputs;
  std::filesystem::path manifest;  // to write
  // The ends of a clip are cut off where they are this many dB below its loudest frame
  // (speech/trim.h); 0: off.
  double trim_silence = 0;
};

// A manifest of the user's audio. Folders are searched recursively, also for shards
// (speech/scan/found_clips.h describes each kind of input). Clips that are not files of 16
// kHz mono 16-bit WAV, and all when silence is trimmed, are converted into MANIFEST_STEM.audio/
// next to the manifest; the others stay where they are. Speakers come from the parent folder;
// in LibriSpeech's layout (train-*|dev-*|test-*/SPEAKER/CHAPTER/SPEAKER-CHAPTER-N.flac,
// *.trans.txt) speaker, text and split come from the names. Without such splits a tenth of the
// speakers is dev and a tenth test (hash_splits); of the clips instead when there are fewer than
// ten speakers. Corrupt, empty or too short (< 400 samples) files are listed in the report and in
// MANIFEST_STEM.skipped.tsv, never fatal. InputError when no clip is left or an input is none of
// the three; SystemError when it is missing.
CorpusReport scan_corpus(const ScanOptions& options, const StopToken& stop);

}  // namespace concertina
