// queen.1c, all numbers big-endian: "QTBL", 5 characters of version, 4 bytes, u16 count at byte 13,
// then `count` entries of 21 bytes: name[12], a byte, u32 offset, u32 size.
// *.DOG (a dialogue): 20 bytes, then i16 header[11] (0: lines, 2: the dialogue's key, 3 and 4:
// strings of the hero and of the other), u16 offset of the other's strings. The hero's strings
// start at byte 32 + 96 * |header[0]|. A string: u16 0, u16 line, u8 length, text, with 1 + length
// padded to 4. Speech: KKIIIIWS.SB, an MP3: KK key, IIII line (hex; SSSS and XXXX: greeting and
// parting), W speaker J (the hero) or P (the other), S segment, counted from 1. Segments of a line
// are parted by codes like "*AB".
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string_view>

#include "core/errors.h"
#include "core/mapped_file.h"
#include "speech/readers/readers.h"
#include "speech/splits.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;
using Bytes = std::span<const std::byte>;
using Lines = std::map<int32_t, std::string>;

constexpr const char* kArchivePath = "usr/share/scummvm/flight-of-the-amazon-queen/queen.1c";
constexpr const char* kHero = "JOE";
constexpr int64_t kTestDialogues = 23;

// Big-endian unsigned number of `size` bytes at `at`; 0 beyond the end.
uint32_t number(Bytes bytes, size_t at, size_t size) {
  if (at > bytes.size() || bytes.size() - at < size) return 0;
  uint32_t value = 0;
  for (const std::byte b : bytes.subspan(at, size))
    value = value << 8 | std::to_integer<uint32_t>(b);
  return value;
}

int32_t signed16(Bytes bytes, size_t at) { return static_cast<int16_t>(number(bytes, at, 2)); }

std::string text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool is_code_character(char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

// "020001P2" of "020001P2.SB"; "" when it is not speech, or its name could lead out of a folder.
std::string stem_of_speech(const std::string& file) {
  if (!file.ends_with(".SB")) return "";
  const std::string stem = file.substr(0, file.size() - 3);
  const bool plain = std::all_of(stem.begin(), stem.end(),
                                 [](char c) { return is_code_character(c) || c == '_'; });
  return plain ? stem : "";
}

std::map<std::string, Bytes> read_index(Bytes archive, const std::string& name) {
  constexpr size_t kHeader = 15;
  constexpr size_t kEntry = 21;
  const size_t count = number(archive, 13, 2);
  if (archive.size() < kHeader + count * kEntry || text_of(archive.first(4)) != "QTBL") {
    throw InputError(fmt::format(
        "{}: not the game's archive, or truncated in its index of {} files", name, count));
  }
  std::map<std::string, Bytes> files;
  for (size_t i = 0; i < count; ++i) {
    const Bytes entry = archive.subspan(kHeader + i * kEntry, kEntry);
    std::string file = text_of(entry.first(12));
    file = file.substr(0, file.find('\0'));
    file = file.substr(0, file.find_last_not_of(' ') + 1);
    const size_t offset = number(entry, 13, 4);
    const size_t size = number(entry, 17, 4);
    // A file beyond the end of a truncated archive stays in the list, empty, and is reported as a
    // skipped clip.
    const bool inside = offset <= archive.size() && size <= archive.size() - offset;
    files[file] = inside ? archive.subspan(offset, size) : Bytes{};
  }
  return files;
}

Lines read_strings(Bytes dialogue, size_t at, int32_t count) {
  Lines lines;
  for (int32_t i = 0; i < count && at + 5 <= dialogue.size(); ++i) {
    const size_t length = number(dialogue, at + 4, 1);
    if (dialogue.size() - at - 5 < length) break;
    const std::string text = text_of(dialogue.subspan(at + 5, length));
    if (!std::all_of(text.begin(), text.end(), [](char c) { return c >= 32 && c < 127; })) break;
    lines[signed16(dialogue, at + 2)] = text;
    at += 4 + (length + 4) / 4 * 4;
  }
  return lines;
}

struct DialogueFile {
  std::string name;       // SPARKY3
  std::string character;  // SPARKY
  Lines hero, other;
};

std::map<int32_t, DialogueFile> read_dialogues(const std::map<std::string, Bytes>& files) {
  constexpr size_t kFileHeader = 20;
  std::map<int32_t, DialogueFile> dialogues;
  for (const auto& [file, bytes] : files) {
    if (!file.ends_with(".DOG") || bytes.size() < kFileHeader + 24) continue;
    const Bytes body = bytes.subspan(kFileHeader);
    const auto header = [body](size_t i) { return signed16(body, 2 * i); };
    DialogueFile dialogue;
    dialogue.name = file.substr(0, file.size() - 4);
    dialogue.character = dialogue.name.substr(0, dialogue.name.find_last_not_of("0123456789") + 1);
    dialogue.hero =
        read_strings(body, 32 + 96 * static_cast<size_t>(std::abs(header(0))), header(3));
    dialogue.other = read_strings(body, number(body, 22, 2), header(4));
    dialogues[header(2)] = std::move(dialogue);
  }
  return dialogues;
}

struct SpeechName {
  int32_t key = 0;
  std::optional<int32_t> line;  // nothing for greeting and parting
  bool hero = false;
  int32_t segment = 0;
};

std::optional<int32_t> parse_number(std::string_view text, int base) {
  int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// Nothing for speech outside dialogues: cut scenes, the hero's remarks.
std::optional<SpeechName> parse_name(std::string_view stem) {
  if (stem.size() != 8 || (stem[6] != 'J' && stem[6] != 'P')) return std::nullopt;
  const auto key = parse_number(stem.substr(0, 2), 10);
  const auto segment = parse_number(stem.substr(7, 1), 16);
  const std::string_view line = stem.substr(2, 4);
  SpeechName name;
  if (line != "SSSS" && line != "XXXX") {
    name.line = parse_number(line, 16);
    if (!name.line) return std::nullopt;
  }
  if (!key || !segment) return std::nullopt;
  name.key = *key;
  name.segment = *segment;
  name.hero = stem[6] == 'J';
  return name;
}

// The segment of a line, counted from 1; "" when there is none.
std::string segment_of(std::string_view line, int32_t segment) {
  std::vector<std::string> segments(1);
  for (size_t i = 0; i < line.size(); ++i) {
    const bool code = line[i] == '*' && i + 2 < line.size() && is_code_character(line[i + 1]) &&
                      is_code_character(line[i + 2]);
    if (code) {
      segments.emplace_back();
      i += 2;
    } else {
      segments.back() += line[i];
    }
  }
  if (segment < 1 || segment > static_cast<int32_t>(segments.size())) return "";
  const std::string& text = segments[static_cast<size_t>(segment - 1)];
  const size_t first = text.find_first_not_of(' ');
  return first == std::string::npos ? ""
                                    : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::string text_of(const DialogueFile& dialogue, const SpeechName& name) {
  if (!name.line) return "";
  const Lines& lines = name.hero ? dialogue.hero : dialogue.other;
  const auto line = lines.find(*name.line);
  return line == lines.end() ? "" : segment_of(line->second, name.segment);
}

void label(Clip& clip, const DialogueFile& dialogue, const SpeechName& name) {
  clip.speaker = name.hero ? kHero : dialogue.character;
  clip.text = text_of(dialogue, name);
  clip.group = fmt::format("{}/{}", clip.source, dialogue.name);
}

std::map<int32_t, Split> split_dialogues(const std::map<int32_t, DialogueFile>& files,
                                         const std::map<int32_t, int64_t>& clips) {
  std::vector<Dialogue> dialogues;
  for (const auto& [key, file] : files) {
    const auto count = clips.find(key);
    dialogues.push_back({file.name, file.character, count == clips.end() ? 0 : count->second});
  }
  const std::vector<Split> splits = dialogue_splits(dialogues, kTestDialogues);
  std::map<int32_t, Split> result;
  size_t next = 0;
  for (const auto& [key, file] : files) result[key] = splits[next++];
  return result;
}

}  // namespace

PackageClips read_amazon_queen(const fs::path& unpacked, const std::string& package) {
  const fs::path path = unpacked / kArchivePath;
  if (!fs::exists(path))
    throw InputError(fmt::format("{}: no {} in the package", package, kArchivePath));
  const auto archive = std::make_shared<const MappedFile>(path);
  const auto files =
      read_index(archive->bytes(), fmt::format("{}: {}", package, path.filename().string()));
  const auto dialogues = read_dialogues(files);

  std::map<int32_t, int64_t> clips_of;
  for (const auto& [file, bytes] : files) {
    const auto name = parse_name(stem_of_speech(file));
    if (name && !name->hero) ++clips_of[name->key];
  }
  const auto splits = split_dialogues(dialogues, clips_of);

  PackageClips result;
  for (const auto& [file, bytes] : files) {
    const std::string stem = stem_of_speech(file);
    if (stem.empty()) continue;
    RawClip raw;
    Clip& clip = raw.clip;
    clip.id = fmt::format("{}/{}", package, stem);
    clip.path = fmt::format("audio/{}.wav", clip.id);
    clip.language = "en";
    clip.source = package;
    clip.group = clip.id;
    const auto name = parse_name(stem);
    if (const auto found = name ? dialogues.find(name->key) : dialogues.end();
        found != dialogues.end()) {
      label(clip, found->second, *name);
      clip.split = splits.at(name->key);
    }
    // The archive stays mapped as long as one of its clips may be decoded.
    raw.decode = [archive, bytes = bytes, id = clip.id] { return decode_audio(bytes, id); };
    result.clips.push_back(std::move(raw));
  }
  return result;
}

}  // namespace concertina
