#include "speech/corpus_root.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <string_view>
#include <utility>

#include "core/errors.h"
#include "core/files.h"
#include "core/text.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

// root/corpus.stamp: "key=value" lines. Written at the start, so that an interrupted corpus is
// distinguished from a folder with another manifest.
using Stamp = std::map<std::string, std::string>;

Stamp read_stamp(const fs::path& root) {
  Stamp stamp;
  if (!fs::exists(root / "corpus.stamp")) return stamp;
  const std::string text = read_text(root / "corpus.stamp");
  for (std::string_view rest = text; !rest.empty();) {
    const std::string line(take_line(rest));
    const size_t equals = line.find('=');
    if (equals != std::string::npos) stamp[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return stamp;
}

void write_stamp(const fs::path& root, const Stamp& stamp) {
  std::string text;
  for (const auto& [key, value] : stamp) text += fmt::format("{}={}\n", key, value);
  write_atomically(root / "corpus.stamp", text);
}

std::vector<std::vector<std::string>> read_table(const fs::path& path, size_t columns) {
  std::vector<std::vector<std::string>> rows;
  const std::string text = read_text(path);
  std::string_view rest = text;
  take_line(rest);  // the header
  while (!rest.empty()) {
    const auto fields = split_text(take_line(rest), '\t');
    rows.emplace_back(fields.begin(), fields.end()).resize(columns);
  }
  return rows;
}

void write_packages(const std::vector<CorpusReport::Package>& packages, const fs::path& path) {
  std::string text = "package\tversion\tsha256\tverified\n";
  for (const auto& p : packages)
    text += fmt::format("{}\t{}\t{}\t{}\n", p.name, p.version, p.sha256, p.verified ? "yes" : "no");
  write_atomically(path, text);
}

}  // namespace

std::optional<CorpusReport> CorpusRoot::finished() const {
  Stamp stamp = read_stamp(path);
  if (stamp.empty() && fs::exists(path / "manifest.tsv")) {
    throw InputError(
        fmt::format("{}: holds a manifest.tsv that this command did not write; give another --root",
                    path.string()));
  }
  if (stamp.contains("tier") && stamp["tier"] != tier) {
    throw InputError(fmt::format("{}: holds tier '{}', not '{}'; give another --root",
                                 path.string(), stamp["tier"], tier));
  }
  const bool complete = stamp["format"] == format && stamp["state"] == "complete" &&
                        fs::exists(path / "manifest.tsv") && fs::exists(path / "packages.tsv") &&
                        fs::exists(path / "skipped.tsv");
  if (!complete) return std::nullopt;
  const Manifest manifest = read_manifest(path / "manifest.tsv");
  const bool whole = std::ranges::all_of(
      manifest.clips, [&](const Clip& clip) { return fs::exists(manifest.audio_path(clip)); });
  if (!whole) return std::nullopt;
  CorpusReport report;
  report.manifest = path / "manifest.tsv";
  report.clips = static_cast<int64_t>(manifest.clips.size());
  report.minutes = manifest.minutes();
  const std::string& duplicates = stamp["duplicates"];
  std::from_chars(duplicates.data(), duplicates.data() + duplicates.size(), report.duplicates);
  for (auto& row : read_table(path / "packages.tsv", 4))
    report.packages.push_back({row[0], row[1], row[2], row[3] == "yes"});
  for (auto& row : read_table(path / "skipped.tsv", 2)) report.skipped.push_back({row[0], row[1]});
  report.already_there = true;
  return report;
}

void CorpusRoot::begin() const {
  make_directories(path);
  write_stamp(path, {{"tier", tier}, {"format", format}, {"state", "broken off"}});
}

CorpusReport CorpusRoot::finish(std::vector<CorpusReport::Package> packages,
                                CollectedClips collected) const {
  const Manifest manifest{path, std::move(collected.clips)};
  write_packages(packages, path / "packages.tsv");
  write_skipped(collected.skipped, path / "skipped.tsv");
  write_manifest(manifest, path / "manifest.tsv");
  write_stamp(path, {{"tier", tier},
                     {"format", format},
                     {"state", "complete"},
                     {"duplicates", std::to_string(collected.duplicates)}});
  CorpusReport report;
  report.manifest = path / "manifest.tsv";
  report.clips = static_cast<int64_t>(manifest.clips.size());
  report.duplicates = collected.duplicates;
  report.minutes = manifest.minutes();
  report.skipped = std::move(collected.skipped);
  report.packages = std::move(packages);
  return report;
}

}  // namespace concertina
