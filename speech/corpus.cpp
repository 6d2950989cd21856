#include "speech/corpus.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>

#include "core/errors.h"
#include "core/files.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/scratch_folder.h"
#include "core/text.h"
#include "core/threads.h"
#include "speech/deb_packages.h"
#include "speech/process.h"
#include "speech/readers/readers.h"
#include "speech/splits.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

constexpr const char* kGoOn = "packages are kept; run the same command again to continue";

// Its packages, the reader of each, and whether the readers' splits are used.
struct TierPackage {
  std::string name;
  PackageReader reader;
};
struct Tier {
  std::string name;
  std::vector<TierPackage> packages;
  bool split_by_group;  // instead: a tenth of the groups dev, a tenth test
};

using TierPackages = std::vector<TierPackage>;

const TierPackages& quickstart_packages() {
  static const TierPackages packages = {
      {"festvox-ru", read_festvox},
      {"asterisk-core-sounds-en-g722", read_asterisk},
      {"asterisk-core-sounds-es-g722", read_asterisk},
      {"asterisk-core-sounds-fr-g722", read_asterisk},
      {"asterisk-core-sounds-it-g722", read_asterisk},
      {"asterisk-core-sounds-ru-g722", read_asterisk},
      {"flight-of-the-amazon-queen", read_amazon_queen},
  };
  return packages;
}

// The quickstart's come first: of equal clips the first is kept, so its clips are all there.
TierPackages reference_packages() {
  TierPackages packages = quickstart_packages();
  packages.push_back({"beneath-a-steel-sky", read_steel_sky});
  for (const char* name :
       {"asterisk-prompt-es-co", "asterisk-prompt-fr-armelle", "asterisk-prompt-it-menardi-wav",
        "drascula", "drascula-spanish", "fillets-ng-data-cs", "fillets-ng-data-nl", "gcin-voice",
        "hedgewars-data", "klettres-data", "ktuberling-data", "tuxpaint-stamps-default"})
    packages.push_back({name, read_sound_files});
  return packages;
}

const std::vector<Tier>& tiers() {
  static const std::vector<Tier> all = {
      {"smoke", {{"asterisk-core-sounds-en-g722", read_asterisk}}, true},
      {"quickstart", quickstart_packages(), false},
      {"reference", reference_packages(), false},
  };
  return all;
}

const Tier& tier_named(const std::string& name) {
  for (const Tier& tier : tiers()) {
    if (tier.name == name) return tier;
  }
  const auto names = tier_names();
  throw InputError(fmt::format("no tier '{}'{}; there are {}", name, did_you_mean(name, names),
                               fmt::join(names, ", ")));
}

// root/corpus.stamp: "key=value" lines. Written at the start of a fetch, so that an interrupted
// fetch is distinguished from a folder with another manifest.
using Stamp = std::map<std::string, std::string>;
constexpr const char* kFormat = "1";

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

void write_packages(const std::vector<DebPackage>& packages, const fs::path& path) {
  std::string text = "package\tversion\tsha256\tverified\n";
  for (const DebPackage& p : packages)
    text += fmt::format("{}\t{}\t{}\t{}\n", p.name, p.version, p.sha256, p.verified ? "yes" : "no");
  write_atomically(path, text);
}

// The report of a finished root, from its files; false when a clip of its manifest is missing.
bool report_finished(const fs::path& root, const Stamp& stamp, CorpusReport& report) {
  const Manifest manifest = read_manifest(root / "manifest.tsv");
  const bool whole =
      std::all_of(manifest.clips.begin(), manifest.clips.end(),
                  [&](const Clip& clip) { return fs::exists(manifest.audio_path(clip)); });
  if (!whole) return false;
  report.manifest = root / "manifest.tsv";
  report.clips = static_cast<int64_t>(manifest.clips.size());
  report.minutes = manifest.minutes();
  if (const auto found = stamp.find("duplicates"); found != stamp.end()) {
    const std::string& text = found->second;
    std::from_chars(text.data(), text.data() + text.size(), report.duplicates);
  }
  for (auto& row : read_table(root / "packages.tsv", 4))
    report.packages.push_back({row[0], row[1], row[2], row[3] == "yes"});
  for (auto& row : read_table(root / "skipped.tsv", 2)) report.skipped.push_back({row[0], row[1]});
  report.already_there = true;
  return true;
}

// Whether `root` has the complete tier. InputError when it has another corpus.
bool is_finished(const fs::path& root, const std::string& tier, const Stamp& stamp) {
  if (stamp.empty() && fs::exists(root / "manifest.tsv")) {
    throw InputError(
        fmt::format("{}: holds a manifest.tsv that corpus fetch did not write; give another --root",
                    root.string()));
  }
  const auto there = stamp.find("tier");
  if (there != stamp.end() && there->second != tier) {
    throw InputError(fmt::format("{}: holds tier '{}', not '{}'; give another --root",
                                 root.string(), there->second, tier));
  }
  const auto is = [&stamp](const char* key, const char* value) {
    const auto found = stamp.find(key);
    return found != stamp.end() && found->second == value;
  };
  return is("format", kFormat) && is("state", "complete") && fs::exists(root / "manifest.tsv") &&
         fs::exists(root / "packages.tsv") && fs::exists(root / "skipped.tsv");
}

std::vector<DebPackage> get_packages(const Tier& tier, const FetchOptions& options,
                                     const StopToken& stop) {
  const fs::path folder =
      fs::absolute(options.from.empty() ? options.root / "packages" : options.from);
  if (options.from.empty()) make_directories(folder);
  Progress progress(options.from.empty() ? "download packages" : "check packages",
                    static_cast<int64_t>(tier.packages.size()));
  std::vector<DebPackage> packages(tier.packages.size());
  for (size_t i = 0; i < packages.size(); ++i) {
    check_stop(stop, kGoOn);
    const std::string& name = tier.packages[i].name;
    progress.note(name);
    packages[i] =
        options.from.empty() ? download_deb(name, folder, stop) : find_deb(name, folder, stop);
    if (!packages[i].verified)
      log_warn("{} {}: apt does not know this version, so its SHA256 was not checked", name,
               packages[i].version);
    progress.advance();
  }
  return packages;
}

void unpack_all(const std::vector<DebPackage>& packages, const fs::path& folder,
                const StopToken& stop) {
  Progress progress("unpack packages", static_cast<int64_t>(packages.size()));
  parallel_for(static_cast<int64_t>(packages.size()), [&](int64_t i) {
    const DebPackage& package = packages[static_cast<size_t>(i)];
    if (stop.stop_requested()) return;
    unpack_deb(package, folder / package.name, stop);
    progress.advance();
  });
  check_stop(stop, kGoOn);
}

PackageClips read_all(const Tier& tier, const fs::path& unpacked) {
  PackageClips all;
  for (const TierPackage& package : tier.packages) {
    PackageClips part = package.reader(unpacked / package.name, package.name);
    if (part.clips.empty())
      throw InputError(fmt::format("{}: no clips in the package", package.name));
    std::move(part.clips.begin(), part.clips.end(), std::back_inserter(all.clips));
    std::move(part.skipped.begin(), part.skipped.end(), std::back_inserter(all.skipped));
    std::move(part.phone_files.begin(), part.phone_files.end(),
              std::back_inserter(all.phone_files));
  }
  return all;
}

void copy_phones(const std::vector<PackageClips::PhoneFile>& files, const fs::path& root) {
  for (const auto& file : files) {
    const fs::path to = root / file.to;
    make_directories(to.parent_path());
    std::error_code error;
    fs::copy_file(file.from, to, fs::copy_options::overwrite_existing, error);
    if (error)
      throw SystemError(fmt::format("{}: cannot be written: {}", to.string(), error.message()));
  }
}

void split_by_group(std::vector<Clip>& clips) {
  std::vector<std::string> groups;
  for (const Clip& clip : clips) groups.push_back(clip.group);
  const auto splits = hash_splits(groups);
  for (size_t i = 0; i < clips.size(); ++i) clips[i].split = splits[i];
}

CorpusReport build(const Tier& tier, const std::vector<DebPackage>& packages, const fs::path& root,
                   const StopToken& stop) {
  const ScratchFolder unpacked(root / "unpacked");
  unpack_all(packages, unpacked.path(), stop);
  const PackageClips raw = read_all(tier, unpacked.path());
  CollectedClips collected = collect_clips(raw, root, stop);
  if (tier.split_by_group) split_by_group(collected.clips);
  copy_phones(raw.phone_files, root);

  const Manifest manifest{root, std::move(collected.clips)};
  write_packages(packages, root / "packages.tsv");
  write_skipped(collected.skipped, root / "skipped.tsv");
  write_manifest(manifest, root / "manifest.tsv");
  CorpusReport report;
  report.manifest = root / "manifest.tsv";
  report.clips = static_cast<int64_t>(manifest.clips.size());
  report.duplicates = collected.duplicates;
  report.minutes = manifest.minutes();
  report.skipped = std::move(collected.skipped);
  for (const DebPackage& p : packages)
    report.packages.push_back({p.name, p.version, p.sha256, p.verified});
  return report;
}

}  // namespace

std::vector<std::string> tier_names() {
  std::vector<std::string> names;
  for (const Tier& tier : tiers()) names.push_back(tier.name);
  return names;
}

std::vector<std::string> tier_sources(const std::string& tier) {
  std::vector<std::string> sources;
  for (const TierPackage& package : tier_named(tier).packages) sources.push_back(package.name);
  return sources;
}

CorpusReport fetch_corpus(const FetchOptions& options, const StopToken& stop) {
  const Tier& tier = tier_named(options.tier);
  const fs::path& root = options.root;
  const Stamp there = read_stamp(root);
  CorpusReport report;
  if (is_finished(root, tier.name, there) && report_finished(root, there, report)) return report;

  make_directories(root);
  Stamp stamp = {{"tier", tier.name}, {"format", kFormat}, {"state", "broken off"}};
  write_stamp(root, stamp);
  const auto packages = get_packages(tier, options, stop);
  report = build(tier, packages, root, stop);
  stamp["state"] = "complete";
  stamp["duplicates"] = std::to_string(report.duplicates);
  write_stamp(root, stamp);
  return report;
}

}  // namespace concertina
