#include "speech/corpus.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "core/errors.h"
#include "core/files.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/scratch_folder.h"
#include "core/text.h"
#include "core/threads.h"
#include "speech/corpus_root.h"
#include "speech/deb_packages.h"
#include "speech/process.h"
#include "speech/readers/readers.h"
#include "speech/splits.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

constexpr const char* kGoOn = "packages are kept; run the same command again to continue";

struct TierPackage {
  std::string name;
  PackageReader reader;
};
using TierPackages = std::vector<TierPackage>;

struct Tier {
  std::string name;
  TierPackages packages;
  // Instead of the readers' splits: a tenth of the groups dev, a tenth test.
  bool split_by_group;
};

// In the order in which every tier reads those it has. Of equal clips the first is kept: the
// quickstart's come first, so its clips are all in the medium and the reference tier.
const TierPackages& all_packages() {
  static const TierPackages packages = {
      {"festvox-ru", read_festvox},
      {"asterisk-core-sounds-en-g722", read_asterisk},
      {"asterisk-core-sounds-es-g722", read_asterisk},
      {"asterisk-core-sounds-fr-g722", read_asterisk},
      {"asterisk-core-sounds-it-g722", read_asterisk},
      {"asterisk-core-sounds-ru-g722", read_asterisk},
      {"flight-of-the-amazon-queen", read_amazon_queen},
      {"beneath-a-steel-sky", read_steel_sky},
      {"asterisk-prompt-es-co", read_sound_files},
      {"asterisk-prompt-fr-armelle", read_sound_files},
      {"asterisk-prompt-it-menardi-wav", read_sound_files},
      {"drascula", read_sound_files},
      {"drascula-spanish", read_sound_files},
      {"fillets-ng-data-cs", read_sound_files},
      {"fillets-ng-data-nl", read_sound_files},
      {"gcin-voice", read_sound_files},
      {"hedgewars-data", read_sound_files},
      {"klettres-data", read_sound_files},
      {"ktuberling-data", read_sound_files},
      {"tuxpaint-stamps-default", read_sound_files},
  };
  return packages;
}

using PackageNames = std::vector<std::string>;

TierPackages packages_named(const PackageNames& names) {
  TierPackages packages;
  std::ranges::copy_if(
      all_packages(), std::back_inserter(packages),
      [&](const std::string& name) { return std::ranges::count(names, name) > 0; },
      &TierPackage::name);
  CONCERTINA_ASSERT(packages.size() == names.size());
  return packages;
}

PackageNames with_names(PackageNames names, const PackageNames& more) {
  names.insert(names.end(), more.begin(), more.end());
  return names;
}

std::vector<Tier> make_tiers() {
  const PackageNames prompts_and_game = {
      "asterisk-core-sounds-en-g722", "asterisk-core-sounds-es-g722",
      "asterisk-core-sounds-fr-g722", "asterisk-core-sounds-it-g722",
      "asterisk-core-sounds-ru-g722", "flight-of-the-amazon-queen"};
  const PackageNames small = with_names(prompts_and_game, {"gcin-voice"});
  const PackageNames quickstart = with_names(prompts_and_game, {"festvox-ru"});
  const PackageNames medium =
      with_names(small, {"festvox-ru", "fillets-ng-data-cs", "fillets-ng-data-nl"});
  return {{"smoke", packages_named({"asterisk-core-sounds-en-g722"}), true},
          {"small", packages_named(small), false},
          {"quickstart", packages_named(quickstart), false},
          {"medium", packages_named(medium), false},
          {"reference", all_packages(), false}};
}

const std::vector<Tier>& tiers() {
  static const std::vector<Tier> all = make_tiers();
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

constexpr const char* kFormat = "1";

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

CollectedClips collect_tier(const Tier& tier, const std::vector<DebPackage>& packages,
                            const fs::path& root, const StopToken& stop) {
  const ScratchFolder unpacked(root / "unpacked");
  unpack_all(packages, unpacked.path(), stop);
  const PackageClips raw = read_all(tier, unpacked.path());
  CollectedClips collected = collect_clips(raw, root, stop);
  if (tier.split_by_group) split_by_group(collected.clips);
  copy_phones(raw.phone_files, root);
  return collected;
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
  const CorpusRoot root{options.root, tier.name, kFormat};
  if (auto report = root.finished()) return *std::move(report);
  root.begin();
  const auto files = get_packages(tier, options, stop);
  std::vector<CorpusReport::Package> packages;
  for (const DebPackage& p : files) packages.push_back({p.name, p.version, p.sha256, p.verified});
  return root.finish(std::move(packages), collect_tier(tier, files, root.path, stop));
}

}  // namespace concertina
