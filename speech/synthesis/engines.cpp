#include "speech/synthesis/engines.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include "core/errors.h"
#include "core/files.h"
#include "core/text.h"
#include "speech/process.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 6> kInstall = {
    "espeak-ng", "flite", "festival", "festlex-cmu", "festlex-poslex", "festvox-kdlpc16k"};
constexpr std::array<const char*, 9> kVersioned = {
    "espeak-ng", "espeak-ng-data", "libespeak-ng1",  "flite",           "libflite1",
    "festival",  "festlex-cmu",    "festlex-poslex", "festvox-kdlpc16k"};

[[noreturn]] void not_installed(const std::string& what) {
  throw SystemError(fmt::format(
      "{}, which synthetic speech is made with; install the Debian packages: apt-get install "
      "--no-install-recommends {}",
      what, fmt::join(kInstall, " ")));
}

// What a program prints; it fails where it is not installed.
std::string output_of(const std::vector<std::string>& words, const StopToken& stop) {
  try {
    return run_program(words, {}, stop).output;
  } catch (const SystemError&) {
    not_installed(words[0] + " is not installed");
  }
}

bool has_word(const std::string& text, std::string_view word) {
  const auto is_name = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
  };
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    if ((at == 0 || !is_name(text[at - 1])) && (end == text.size() || !is_name(text[end])))
      return true;
  }
  return false;
}

void require_voices(const std::string& program, const std::string& voices, SpeechEngine engine) {
  for (const SyntheticVoice& voice : synthetic_voices()) {
    if (voice.engine == engine && !has_word(voices, voice.name))
      not_installed(fmt::format("{} has no voice {}", program, voice.name));
  }
}

std::string version_of(const std::string& package, const StopToken& stop) {
  try {
    const auto asked = run_program({"dpkg-query", "-W", "-f", "${Version}", package}, {}, stop);
    if (asked.status == 0 && !asked.output.empty()) return asked.output;
  } catch (const SystemError&) {
    // Not Debian.
  }
  return "unknown";
}

void run_engine(const std::vector<std::string>& words, const fs::path& wav, std::string& output,
                const StopToken& stop) {
  ProgramResult result = run_program(words, {}, stop);
  if (result.status != 0 || !fs::exists(wav)) {
    throw SystemError(fmt::format("{}: no speech (exit status {}): {}", fmt::join(words, " "),
                                  result.status, trimmed(result.errors)));
  }
  output = std::move(result.output);
}

std::string stretch_of(const SyntheticClip& clip) {
  return fmt::format("{:.2f}", static_cast<double>(clip.stretch_percent) / 100);
}

bool is_known_phone(std::string_view label) {
  static constexpr std::array<std::string_view, 40> kPhones = {
      "aa", "ae", "ah", "ao", "aw", "ay", "b",  "ch", "d", "dh", "eh", "er", "ey", "f",
      "g",  "hh", "ih", "iy", "jh", "k",  "l",  "m",  "n", "ng", "ow", "oy", "p",  "pau",
      "r",  "s",  "sh", "t",  "th", "uh", "uw", "v",  "w", "y",  "z",  "zh"};
  return std::ranges::binary_search(kPhones, label);
}

}  // namespace

std::vector<CorpusReport::Package> installed_engines(const StopToken& stop) {
  require_voices("flite", output_of({"flite", "-lv"}, stop), SpeechEngine::kFlite);
  output_of({"espeak-ng", "--version"}, stop);
  require_voices("festival", output_of({"festival", "--batch", "(print (voice.list))"}, stop),
                 SpeechEngine::kFestival);
  std::vector<CorpusReport::Package> packages;
  for (const char* name : kVersioned) packages.push_back({name, version_of(name, stop), "", false});
  return packages;
}

std::vector<PhoneSegment> speak(const SyntheticClip& clip, const fs::path& wav,
                                const StopToken& stop) {
  std::string output;
  if (clip.voice->engine == SpeechEngine::kEspeak) {
    constexpr int64_t kWordsPerMinute = 175;  // espeak-ng's own
    run_engine({"espeak-ng", "-v", fmt::format("{}+{}", clip.voice->name, clip.variant), "-s",
                std::to_string(kWordsPerMinute * 100 / clip.stretch_percent), "-w", wav.string(),
                clip.text.words},
               wav, output, stop);
    return {};
  }
  CONCERTINA_ASSERT(clip.voice->engine == SpeechEngine::kFlite);
  run_engine({"flite", "-voice", std::string(clip.voice->name), "-psdur", "--setf",
              "duration_stretch=" + stretch_of(clip), "-t", clip.text.words, "-o", wav.string()},
             wav, output, stop);
  try {
    return parse_flite_phones(trimmed(output));
  } catch (const InputError& error) {
    throw SystemError(fmt::format("flite -psdur, clip '{}': {}", clip.id(), error.what()));
  }
}

std::string festival_script(std::span<const SyntheticClip> clips) {
  std::string script;
  for (size_t i = 0; i < clips.size(); ++i) {
    const SyntheticClip& clip = clips[i];
    CONCERTINA_ASSERT(clip.text.words.find_first_of("\"\\") == std::string::npos);
    script += fmt::format(
        "(voice_{})\n(Parameter.set 'Duration_Stretch {})\n(set! said (SynthText \"{}\"))\n"
        "(utt.save.wave said \"{}.wav\" 'riff)\n(utt.save.segs said \"{}.lab\")\n",
        clip.voice->name, stretch_of(clip), clip.text.words, i, i);
  }
  return script;
}

void speak_with_festival(std::span<const SyntheticClip> clips, const fs::path& folder,
                         const StopToken& stop) {
  write_atomically(folder / "say.scm", festival_script(clips));
  const ProgramResult result = run_program({"festival", "--batch", "say.scm"}, folder, stop);
  const fs::path last = folder / fmt::format("{}.lab", clips.size() - 1);
  if (result.status != 0 || !fs::exists(last)) {
    throw SystemError(fmt::format("festival: no speech (exit status {}): {}", result.status,
                                  trimmed(result.errors)));
  }
}

std::vector<PhoneSegment> parse_flite_phones(std::string_view line) {
  std::vector<PhoneSegment> segments;
  for (const std::string_view part : split_text(trimmed(line), ' ')) {
    const size_t colon = part.find(':');
    PhoneSegment segment;
    bool sound = colon != std::string_view::npos && colon > 0;
    if (sound) {
      segment.label = part.substr(0, colon);
      const auto [end, error] =
          std::from_chars(part.data() + colon + 1, part.data() + part.size(), segment.end_s);
      sound = error == std::errc() && end == part.data() + part.size() &&
              std::isfinite(segment.end_s) &&
              segment.end_s >= (segments.empty() ? 0.0 : segments.back().end_s);
    }
    if (!sound) {
      throw InputError(
          fmt::format("expected 'PHONE:END-TIME' with end times that do not fall, found '{}'",
                      part.substr(0, 60)));
    }
    segments.push_back(std::move(segment));
  }
  return segments;
}

std::vector<PhoneSegment> plain_phones(const std::vector<PhoneSegment>& segments,
                                       SpeechEngine engine, double clip_seconds) {
  std::vector<PhoneSegment> plain;
  bool joins_er = false;
  for (const PhoneSegment& from : segments) {
    const double end = std::min(from.end_s, clip_seconds);
    if (joins_er && from.label == "r") {
      plain.back().end_s = end;
      joins_er = false;
      continue;
    }
    const std::string label = from.label == "ax" ? "ah" : from.label;
    if (!is_known_phone(label)) throw InputError(fmt::format("unknown phone '{}'", from.label));
    plain.push_back({end, label});
    joins_er = engine == SpeechEngine::kFestival && label == "er";
  }
  if (!plain.empty() && plain.back().label == "pau") plain.back().end_s = clip_seconds;
  return plain;
}

}  // namespace concertina
