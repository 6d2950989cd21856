#include "speech/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_map>
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
      text_column<&Clip::keyword>("keyword"),
      text_column<&Clip::intent>("intent"),
      text_column<&Clip::emotion>("emotion"),
      text_column<&Clip::tone>("tone"),
      text_column<&Clip::slots>("slots"),
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

using Header = std::vector<const Column*>;

Header read_header(std::string_view line, const std::filesystem::path& path) {
  std::vector<std::string> names;
  for (const Column& column : columns()) names.push_back(column.name);
  Header result;
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
    if (std::count(result.begin(), result.end(), &column) > 1)
      throw InputError(fmt::format("{}:1: duplicate column '{}'", path.string(), column.name));
  }
  return result;
}

bool has(const Header& header, std::string_view name) {
  return std::any_of(header.begin(), header.end(),
                     [&](const Column* column) { return column->name == name; });
}

void require(const Header& header, const Column& column, const std::filesystem::path& path) {
  if (!has(header, column.name))
    throw InputError(fmt::format("{}:1: column '{}' is missing", path.string(), column.name));
}

// The text of a file of clips, its header taken off.
struct Rows {
  std::filesystem::path path;
  std::string bytes;
  std::string_view rest;
  Header header;

  explicit Rows(const std::filesystem::path& from) : path(from), bytes(read_text(from)) {
    rest = bytes;
    if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);  // a byte-order mark
    if (rest.empty()) throw InputError(path.string() + ": not a manifest: empty (0 bytes)");
    header = read_header(take_line(rest), path);
  }
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  // The clips of all rows: `start` makes one of a row's id, the columns are read into it.
  template <class Start>
  std::vector<Clip> read(const Start& start) {
    const auto id_at =
        static_cast<size_t>(std::find_if(header.begin(), header.end(),
                                         [](const Column* c) { return c->name == "id"; }) -
                            header.begin());
    std::vector<Clip> clips;
    std::unordered_set<std::string> ids;
    for (int64_t line = 2; !rest.empty(); ++line) {
      const auto fields = split_text(take_line(rest), '\t');
      if (fields.size() == 1 && fields[0].empty()) continue;
      if (fields.size() != header.size()) {
        throw InputError(fmt::format("{}:{}: {} columns where the header has {}", path.string(),
                                     line, fields.size(), header.size()));
      }
      Clip& clip = clips.emplace_back(start(fields[id_at], Place{path, line, "id"}));
      for (size_t i = 0; i < fields.size(); ++i)
        header[i]->read(clip, fields[i], {path, line, header[i]->name});
      if (!ids.insert(clip.id).second)
        fail({path, line, "id"}, fmt::format("duplicate value '{}'", clip.id));
    }
    return clips;
  }
};

Manifest manifest_of(Rows& rows) {
  for (const Column& column : columns()) {
    if (column.required) require(rows.header, column, rows.path);
  }
  Manifest manifest{rows.path.parent_path(), {}, std::filesystem::last_write_time(rows.path)};
  manifest.clips = rows.read([](std::string_view, const Place&) { return Clip(); });
  return manifest;
}

using ClipsById = std::unordered_map<std::string_view, const Clip*>;

Clip clip_with_id(const ClipsById& clips, std::string_view id, const Place& at) {
  const auto found = clips.find(id);
  if (found != clips.end()) return *found->second;
  std::vector<std::string> known;
  for (const auto& [name, clip] : clips) known.emplace_back(name);
  std::sort(known.begin(), known.end());
  fail(at, fmt::format("the corpus has no clip '{}'{}", id, did_you_mean(id, known)));
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
  Rows rows(path);
  return manifest_of(rows);
}

Manifest read_clips(const std::filesystem::path& path, const Manifest& corpus) {
  Rows rows(path);
  if (has(rows.header, "path") || has(rows.header, "samples")) return manifest_of(rows);
  require(rows.header, columns().front(), path);  // id
  ClipsById by_id;
  for (const Clip& clip : corpus.clips) by_id.emplace(clip.id, &clip);
  Manifest list{corpus.folder, {}, corpus.written};
  list.clips =
      rows.read([&](std::string_view id, const Place& at) { return clip_with_id(by_id, id, at); });
  if (has(rows.header, "phones")) {
    const std::filesystem::path folder = std::filesystem::absolute(path).parent_path();
    for (Clip& clip : list.clips) {
      if (!clip.phones.empty()) clip.phones = (folder / clip.phones).string();
    }
  }
  return list;
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

}  // namespace concertina
