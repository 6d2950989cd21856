#include "speech/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <unordered_set>

#include "core/errors.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/text.h"
#include "core/threads.h"
#include "speech/audio.h"

namespace concertina {
namespace {

const std::vector<std::string> kSplitNames = {"train", "dev", "test"};

struct Place {
  const std::filesystem::path& path;
  int64_t line;
  std::string column;
};

[[noreturn]] void fail(const Place& at, const std::string& message) {
  throw InputError(
      fmt::format("{}:{}: column '{}': {}", at.path.string(), at.line, at.column, message));
}

// How one column is read into a clip and written; columns() is the only list of columns.
struct Column {
  std::string name;
  bool required;
  std::string (*write)(const Clip&);
  void (*read)(Clip&, std::string_view, const Place&);
};

template <std::string Clip::* member>
Column text_column(std::string name, bool required = false) {
  return {
      std::move(name), required, [](const Clip& clip) { return clip.*member; },
      [](Clip& clip, std::string_view text, const Place&) { clip.*member = std::string(text); }};
}

template <std::string Clip::* member>
Column filled_column(std::string name) {
  Column column = text_column<member>(std::move(name), true);
  column.read = [](Clip& clip, std::string_view text, const Place& at) {
    if (text.empty()) fail(at, "is empty");
    clip.*member = std::string(text);
  };
  return column;
}

void read_samples(Clip& clip, std::string_view text, const Place& at) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), clip.samples);
  if (error != std::errc() || end != text.data() + text.size() || clip.samples < 0) {
    fail(at, fmt::format("'{}' is not a number of samples", text));
  }
}

void read_split(Clip& clip, std::string_view text, const Place& at) {
  const auto found = std::find(kSplitNames.begin(), kSplitNames.end(), text);
  if (found == kSplitNames.end()) {
    fail(at,
         fmt::format("'{}' is not train, dev or test{}", text, did_you_mean(text, kSplitNames)));
  }
  clip.split = static_cast<Split>(found - kSplitNames.begin());
}

void read_hash(Clip& clip, std::string_view text, const Place& at) {
  const bool hex = text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  if (!hex || (!text.empty() && text.size() != 16)) {
    fail(at, fmt::format("'{}' is not a hash of 16 hexadecimal digits", text));
  }
  clip.hash = std::string(text);
}

const std::vector<Column>& columns() {
  static const std::vector<Column> all = {
      filled_column<&Clip::id>("id"),
      filled_column<&Clip::path>("path"),
      {"samples", true, [](const Clip& clip) { return std::to_string(clip.samples); },
       read_samples},
      text_column<&Clip::speaker>("speaker"),
      text_column<&Clip::language>("language"),
      text_column<&Clip::text>("text"),
      text_column<&Clip::phones>("phones"),
      text_column<&Clip::source>("source"),
      text_column<&Clip::group>("group"),
      {"split", false, [](const Clip& clip) { return std::string(split_name(clip.split)); },
       read_split},
      {"hash", false, [](const Clip& clip) { return clip.hash; }, read_hash},
  };
  return all;
}

std::string hash_now(const std::filesystem::path& path, const std::string& before) {
  try {
    const auto samples = read_wav(path);
    return samples ? pcm_hash(*samples) : before;  // reading it as a clip reports what is wrong
  } catch (const Error&) {
    return before;
  }
}

// What identifies a clip's audio, after a tab; "" when nothing is known.
std::string sound_of(const Clip& clip, const std::filesystem::path& path,
                     const std::optional<std::filesystem::file_time_type>& written) {
  std::error_code error;
  const auto time = std::filesystem::last_write_time(path, error);
  if (error) return clip.hash.empty() ? "" : "\t" + clip.hash;
  if (!clip.hash.empty()) {
    const bool untouched = written && time < *written;
    return "\t" + (untouched ? clip.hash : hash_now(path, clip.hash));
  }
  const auto size = std::filesystem::file_size(path, error);
  return fmt::format("\t{} bytes of {}", size, time.time_since_epoch().count());
}

std::vector<const Column*> read_header(std::string_view line, const std::filesystem::path& path) {
  std::vector<std::string> names;
  for (const Column& column : columns()) names.push_back(column.name);
  std::vector<const Column*> result;
  for (const std::string_view field : split_text(line, '\t')) {
    const auto found = std::find(names.begin(), names.end(), field);
    if (found == names.end()) {
      throw InputError(fmt::format(
          "{}:1: not a manifest: unknown column '{}'{}; expected a tab-separated header of {}",
          path.string(), field.substr(0, 40), did_you_mean(field.substr(0, 40), names),
          fmt::join(names, " ")));
    }
    result.push_back(&columns()[static_cast<size_t>(found - names.begin())]);
  }
  for (const Column& column : columns()) {
    const auto count = std::count(result.begin(), result.end(), &column);
    if (count > 1)
      throw InputError(fmt::format("{}:1: duplicate column '{}'", path.string(), column.name));
    if (count == 0 && column.required)
      throw InputError(fmt::format("{}:1: column '{}' is missing", path.string(), column.name));
  }
  return result;
}

}  // namespace

std::string_view split_name(Split split) { return kSplitNames.at(static_cast<size_t>(split)); }

double Manifest::minutes() const {
  double samples = 0;
  for (const Clip& clip : clips) samples += static_cast<double>(clip.samples);
  return samples / kClipSampleRate / 60;
}

std::string Manifest::fingerprint() const {
  std::vector<std::string> sounds(clips.size());
  parallel_for(std::ssize(clips), [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    sounds[at] = sound_of(clips[at], audio_path(clips[at]), written);
  });
  std::string bytes;
  for (size_t i = 0; i < clips.size(); ++i) {
    const Clip& clip = clips[i];
    bytes +=
        fmt::format("{}\t{}\t{}{}\n", clip.id, clip.samples, split_name(clip.split), sounds[i]);
  }
  return sha256(bytes).substr(0, 16);
}

Manifest read_manifest(const std::filesystem::path& path) {
  const std::string bytes = read_text(path);
  std::string_view rest = bytes;
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);  // a byte-order mark
  if (rest.empty()) throw InputError(path.string() + ": not a manifest: empty (0 bytes)");
  const auto header = read_header(take_line(rest), path);
  Manifest manifest{path.parent_path(), {}, std::filesystem::last_write_time(path)};
  std::unordered_set<std::string> ids;
  for (int64_t line = 2; !rest.empty(); ++line) {
    const auto fields = split_text(take_line(rest), '\t');
    if (fields.size() == 1 && fields[0].empty()) continue;
    if (fields.size() != header.size()) {
      throw InputError(fmt::format("{}:{}: {} columns where the header has {}", path.string(), line,
                                   fields.size(), header.size()));
    }
    Clip& clip = manifest.clips.emplace_back();
    for (size_t i = 0; i < fields.size(); ++i)
      header[i]->read(clip, fields[i], {path, line, header[i]->name});
    if (!ids.insert(clip.id).second)
      fail({path, line, "id"}, fmt::format("duplicate value '{}'", clip.id));
  }
  return manifest;
}

void write_manifest(const Manifest& manifest, const std::filesystem::path& path) {
  write_atomically(path, [&manifest](std::ostream& out) {
    std::vector<std::string> names;
    for (const Column& column : columns()) names.push_back(column.name);
    out << fmt::format("{}\n", fmt::join(names, "\t"));
    for (const Clip& clip : manifest.clips) {
      std::vector<std::string> fields;
      for (const Column& column : columns()) fields.push_back(tsv_field(column.write(clip)));
      out << fmt::format("{}\n", fmt::join(fields, "\t"));
    }
  });
}

std::string tsv_field(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\t' || c == '\n' || c == '\r'; }, ' ');
  return text;
}

std::vector<PhoneSegment> read_phones(const std::filesystem::path& path) {
  const std::string bytes = read_text(path);
  std::string_view rest = bytes;
  // festvox writes settings above a line "#"; a file without one is labels only.
  const bool has_header = bytes.starts_with("#\n") || bytes.find("\n#\n") != std::string::npos;
  bool in_labels = !has_header;
  std::vector<PhoneSegment> segments;
  for (int64_t line = 1; !rest.empty(); ++line) {
    const std::string text(take_line(rest));
    if (!in_labels) {
      in_labels = text == "#";
      continue;
    }
    if (text.find_first_not_of(" \t") == std::string::npos) continue;
    char* end = nullptr;
    PhoneSegment segment{std::strtod(text.c_str(), &end), ""};
    const size_t label = text.find_last_of(" \t") + 1;
    segment.label = text.substr(label);
    const bool sound = end != text.c_str() && end < text.c_str() + label &&
                       !segment.label.empty() && std::isfinite(segment.end_s) &&
                       segment.end_s >= (segments.empty() ? 0.0 : segments.back().end_s);
    if (!sound) {
      throw InputError(fmt::format(
          "{}:{}: expected 'END-TIME 125 PHONE' with end times that do not fall, found '{}'",
          path.string(), line, text.substr(0, 60)));
    }
    segments.push_back(std::move(segment));
  }
  return segments;
}

}  // namespace concertina
