// corpus fetch | synthesize | scan | show | select
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "apps/verb.h"
#include "core/errors.h"
#include "core/log.h"
#include "distill/clip_states.h"
#include "speech/audio.h"
#include "speech/corpus.h"
#include "speech/manifest.h"
#include "speech/selection.h"
#include "supernet/model/model_file.h"
#include "supernet/space/resolve.h"

namespace concertina {
namespace {

constexpr double kSamplesPerMinute = 16000.0 * 60;
constexpr size_t kShownSkips = 10;

nlohmann::json to_json(const CorpusReport& report) {
  nlohmann::json packages = nlohmann::json::array();
  for (const auto& p : report.packages) {
    packages.push_back(
        {{"name", p.name}, {"version", p.version}, {"sha256", p.sha256}, {"verified", p.verified}});
  }
  nlohmann::json skipped = nlohmann::json::array();
  for (const SkippedFile& file : report.skipped)
    skipped.push_back({{"path", file.path}, {"reason", file.reason}});
  return {
      {"manifest", report.manifest.string()}, {"clips", report.clips}, {"minutes", report.minutes},
      {"duplicates", report.duplicates},      {"packages", packages},  {"skipped", skipped},
      {"already_there", report.already_there}};
}

void log_skipped(const CorpusReport& report) {
  if (report.already_there) return;
  for (size_t i = 0; i < report.skipped.size() && i < kShownSkips; ++i) {
    log_info("skipped {}: {}", report.skipped[i].path, report.skipped[i].reason);
  }
  if (report.skipped.size() > kShownSkips) {
    log_info("and {} more, all listed next to the manifest", report.skipped.size() - kShownSkips);
  }
}

void print_report(const CorpusReport& report, bool as_json) {
  log_skipped(report);
  if (as_json) {
    std::cout << to_json(report).dump(2) << '\n';
    return;
  }
  std::cout << fmt::format(
      "{}: {} clips, {:.1f} minutes; {} duplicates left out, {} files skipped{}\n",
      report.manifest.string(), report.clips, report.minutes, report.duplicates,
      report.skipped.size(), report.already_there ? " (already there)" : "");
}

struct Tally {
  int64_t clips = 0;
  double minutes = 0;
  std::set<std::string> speakers;

  void add(const Clip& clip) {
    ++clips;
    minutes += static_cast<double>(clip.samples) / kSamplesPerMinute;
    if (!clip.speaker.empty()) speakers.insert(clip.speaker);
  }
};
using Tallies = std::map<std::string, Tally>;

struct Summary {
  Tally all;
  Tallies sources, languages, splits;
  int64_t with_text = 0;
  int64_t with_phones = 0;
};

Summary summarise(const Manifest& manifest) {
  Summary summary;
  for (const Clip& clip : manifest.clips) {
    summary.all.add(clip);
    summary.sources[clip.source.empty() ? "unknown" : clip.source].add(clip);
    summary.languages[clip.language.empty() ? "unknown" : clip.language].add(clip);
    summary.splits[std::string(split_name(clip.split))].add(clip);
    summary.with_text += clip.text.empty() ? 0 : 1;
    summary.with_phones += clip.phones.empty() ? 0 : 1;
  }
  return summary;
}

nlohmann::json to_json(const Tally& tally) {
  return {{"clips", tally.clips}, {"minutes", tally.minutes}, {"speakers", tally.speakers.size()}};
}

nlohmann::json to_json(const Tallies& tallies) {
  nlohmann::json result = nlohmann::json::object();
  for (const auto& [name, tally] : tallies) result[name] = to_json(tally);
  return result;
}

void print_table(const std::string& title, const Tallies& tallies) {
  std::cout << fmt::format("\n{:<36} {:>8} {:>9} {:>9}\n", title, "clips", "minutes", "speakers");
  for (const auto& [name, t] : tallies) {
    std::cout << fmt::format("{:<36} {:>8} {:>9.1f} {:>9}\n", name, t.clips, t.minutes,
                             t.speakers.size());
  }
}

void show(const std::string& path, bool as_json) {
  const Manifest manifest = read_manifest(path);
  const Summary summary = summarise(manifest);
  if (as_json) {
    nlohmann::json result = to_json(summary.all);
    result["fingerprint"] = manifest.fingerprint();
    result["with_text"] = summary.with_text;
    result["with_phones"] = summary.with_phones;
    result["sources"] = to_json(summary.sources);
    result["languages"] = to_json(summary.languages);
    result["splits"] = to_json(summary.splits);
    std::cout << result.dump(2) << '\n';
    return;
  }
  std::cout << fmt::format(
      "{}: {} clips, {:.1f} minutes, {} speakers, {} with text, {} with phones; data {}\n", path,
      summary.all.clips, summary.all.minutes, summary.all.speakers.size(), summary.with_text,
      summary.with_phones, manifest.fingerprint());
  print_table("source", summary.sources);
  print_table("language", summary.languages);
  print_table("split", summary.splits);
}

void add_fetch(CLI::App& corpus, Globals& globals) {
  auto* verb = corpus.add_subcommand(
      "fetch", "download a tier of Debian's speech packages as 16 kHz audio with a manifest");
  auto options = std::make_shared<FetchOptions>();
  verb->add_option("--tier", options->tier, fmt::format("one of {}", fmt::join(tier_names(), ", ")))
      ->capture_default_str();
  globals.paths.writes(
      *verb, verb->add_option("--root", options->root, "folder to write the corpus to")->required(),
      FileKind::kFolder);
  globals.paths.reads(verb->add_option(
      "--from", options->from, "folder with the .deb files (default: download them with apt-get)"));
  verb->footer("Example:\n  concertina corpus fetch --tier quickstart --root data");
  verb->callback(
      [options, &globals] { print_report(fetch_corpus(*options, globals.stop), globals.json); });
}

void add_synthesize(CLI::App& corpus, Globals& globals) {
  auto* verb = corpus.add_subcommand(
      "synthesize",
      "make synthetic English speech with labels of phones, keywords, intents, slots");
  auto root = std::make_shared<std::string>();
  globals.paths.writes(
      *verb, verb->add_option("--root", *root, "folder to write the corpus to")->required(),
      FileKind::kFolder);
  verb->footer(
      "About two hours by the voices of flite, festival and espeak-ng, which must be installed; "
      "the same packages give the same files.\n\n"
      "Example:\n"
      "  concertina corpus synthesize --root data-synthetic");
  verb->callback(
      [root, &globals] { print_report(synthesize_corpus(*root, globals.stop), globals.json); });
}

void add_scan(CLI::App& corpus, Globals& globals) {
  auto* verb = corpus.add_subcommand("scan", "write a manifest of your own audio");
  auto options = std::make_shared<ScanOptions>();
  globals.paths.reads(
      verb->add_option("PATH", options->inputs,
                       "folders of audio (LibriSpeech's layout is recognised), WebDataset-style "
                       "shards (.tar), fairseq manifests (.tsv)")
          ->required());
  globals.paths.writes(
      *verb, verb->add_option("-o,--out", options->manifest, "manifest to write")->required(),
      FileKind::kManifest);
  add_number(*verb, "--trim-silence", options->trim_silence, {1, 200},
             "trim the ends that are this many dB below a clip's loudest frame, e.g. 40");
  verb->footer(
      "Examples:\n"
      "  concertina corpus scan LibriSpeech -o libri.tsv\n"
      "  concertina corpus scan shards -o shards.tsv --trim-silence 40     # shards/*.tar\n"
      "  concertina corpus scan fairseq/train.tsv fairseq/valid.tsv -o data.tsv");
  verb->callback(
      [options, &globals] { print_report(scan_corpus(*options, globals.stop), globals.json); });
}

void add_show(CLI::App& corpus, Globals& globals) {
  auto* verb =
      corpus.add_subcommand("show", "clips, minutes and speakers by source, language and split");
  auto path = std::make_shared<std::string>();
  globals.paths.reads(verb->add_option("MANIFEST", *path, "manifest (.tsv)")->required());
  verb->footer("Example:\n  concertina corpus show data/manifest.tsv");
  verb->callback([path, &globals] { show(*path, globals.json); });
}

struct SelectArgs {
  std::string manifest, model, arch = "default", out;
  SelectBy by = SelectBy::kRandom;
  double minutes = 60;
};

std::vector<size_t> training_clips(const Manifest& manifest) {
  std::vector<size_t> clips;
  for (size_t i = 0; i < manifest.clips.size(); ++i) {
    if (manifest.clips[i].split == Split::kTrain) clips.push_back(i);
  }
  if (clips.empty()) throw InputError("the manifest has no training clip");
  return clips;
}

// Positions in `clips`.
ClipOrder order_of(const SelectArgs& args, const Manifest& manifest,
                   const std::vector<size_t>& clips, const std::vector<double>& seconds,
                   const Globals& globals) {
  const Rng rng = Rng(globals.seed).fork("corpus select");
  if (args.by == SelectBy::kRandom) return random_order(clips.size(), rng);
  if (args.model.empty())
    throw InputError(fmt::format("--by {} needs a student: give --model", enum_name(args.by)));
  const Supernet model = load_model(args.model);
  const Subnet student = model.slice(resolve_architecture(model.space(), args.arch));
  const ClipStates states = clip_states(student, manifest, clips, {}, rng, globals.stop);
  if (args.by == SelectBy::kUncertainty) return highest_first(states.uncertainty);
  // No more than the shortest clips that fill the budget.
  std::vector<double> sorted = seconds;
  std::ranges::sort(sorted);
  size_t most = 0;
  for (double total = 0; most < sorted.size() && total <= args.minutes * 60; ++most)
    total += sorted[most];
  const at::Tensor& features = states.features;
  return k_centre_order({features.const_data_ptr<float>(), static_cast<size_t>(features.numel())},
                        static_cast<size_t>(features.size(1)), most, rng.fork("k-centre"));
}

void select_clips(const SelectArgs& args, const Globals& globals) {
  const Manifest manifest = read_manifest(args.manifest);
  const std::vector<size_t> clips = training_clips(manifest);
  std::vector<double> seconds;
  for (const size_t clip : clips)
    seconds.push_back(static_cast<double>(manifest.clips[clip].samples) / kClipSampleRate);
  const ClipOrder order = order_of(args, manifest, clips, seconds, globals);
  std::vector<size_t> taken;
  double total = 0;
  for (const size_t position : within_budget(order, seconds, args.minutes * 60)) {
    taken.push_back(clips[position]);
    total += seconds[position];
  }
  if (taken.empty())
    throw InputError(fmt::format("--minutes {:g}: the first clip chosen is longer", args.minutes));
  write_clip_list(manifest, taken, args.out);
  if (globals.json) {
    fmt::print("{}\n", nlohmann::json{{"file", args.out},
                                      {"clips", taken.size()},
                                      {"minutes", total / 60},
                                      {"by", enum_name(args.by)}}
                           .dump(2));
    return;
  }
  fmt::print("{} of {} training clips, {:.1f} minutes, written to {}\n", taken.size(), clips.size(),
             total / 60, args.out);
}

void add_select(CLI::App& corpus, Globals& globals) {
  auto* verb = corpus.add_subcommand(
      "select", "choose training clips for a budget of audio, for the option clips of a stage");
  const auto args = std::make_shared<SelectArgs>();
  globals.paths.reads(verb->add_option("MANIFEST", args->manifest, "manifest (.tsv)")->required());
  add_number(*verb, "--minutes", args->minutes, {0.01, 1e7}, "budget of audio")
      ->capture_default_str();
  add_choice(*verb, "--by", args->by,
             "at random; k_centre: far from each other in the student's states; uncertainty: where "
             "its frames lie between clusters",
             {SelectBy::kRandom, SelectBy::kKCentre, SelectBy::kUncertainty});
  globals.paths.reads(verb->add_option("--model", args->model, "the student (.safetensors)"));
  verb->add_option("--arch", args->arch, kArchitectureHelp)->capture_default_str();
  globals.paths.writes(
      *verb, verb->add_option("-o,--out", args->out, "list of clips to write")->required(),
      FileKind::kManifest);
  verb->footer(
      "The clips of a smaller budget are among those of a larger one of the same seed.\n\n"
      "Example:\n"
      "  concertina corpus select data/manifest.tsv --minutes 15 --by k_centre --model "
      "runs/quickstart/stage1/model.safetensors -o clips.tsv");
  verb->callback([args, &globals] { select_clips(*args, globals); });
}

}  // namespace

void add_corpus_verbs(CLI::App& app, Globals& globals) {
  auto* corpus =
      app.add_subcommand("corpus", "download, synthesize, scan and describe speech corpora");
  corpus->require_subcommand(1);
  corpus->footer("Example:\n  concertina corpus fetch --tier quickstart --root data");
  add_fetch(*corpus, globals);
  add_synthesize(*corpus, globals);
  add_scan(*corpus, globals);
  add_show(*corpus, globals);
  add_select(*corpus, globals);
}

}  // namespace concertina
