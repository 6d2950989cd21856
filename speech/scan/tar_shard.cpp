#include <fmt/format.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/mapped_file.h"
#include "speech/scan/found_clips.h"
#include "speech/tar.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int64_t kMostText = 1 << 20;  // bytes of a .txt or .json

class Shard {
 public:
  explicit Shard(const fs::path& path)
      : path_(path), bytes_(path), index_(index_tar(bytes_.bytes())) {}
  const TarIndex& index() const { return index_; }
  std::string name_of(const TarMember& member) const {
    return fmt::format("{}:{}", path_.string(), member.path);
  }
  std::span<const std::byte> bytes_of(const TarMember& member) const {
    return bytes_.bytes().subspan(static_cast<size_t>(member.offset),
                                  static_cast<size_t>(member.size));
  }
  std::string text_of(const TarMember& member) const {
    const auto bytes = bytes_of(member);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

 private:
  fs::path path_;
  MappedFile bytes_;
  TarIndex index_;
};

Audio decode_member(const Shard& shard, const TarMember& member) {
  const auto bytes = shard.bytes_of(member);
  if (fs::path(member.path).extension() == ".g722") return decode_g722(bytes);
  return decode_audio(bytes, shard.name_of(member));
}

struct MemberName {
  fs::path key;           // up to the first dot of the file name
  std::string extension;  // from there on
};
MemberName name_of(const std::string& path) {
  const fs::path clean = fs::path(path).lexically_normal();
  const std::string file = clean.filename().string();
  const size_t dot = std::min(file.find('.', 1), file.size());
  return {clean.parent_path() / file.substr(0, dot), file.substr(dot)};
}

// Metadata from the text and JSON members of a sample.
struct Metadata {
  std::optional<std::string> text, speaker, language;
};

void read_json(const std::string& bytes, Metadata& metadata) {
  const json object = json::parse(bytes, nullptr, false);
  if (!object.is_object()) throw InputError("no JSON object; the clip is read without it");
  const auto take = [&](const char* key, std::optional<std::string>& value) {
    const auto found = object.find(key);
    if (found == object.end()) return;
    if (found->is_string()) value = found->get<std::string>();
    if (found->is_number_integer()) value = found->dump();
  };
  take("text", metadata.text);
  take("speaker_id", metadata.speaker);
  take("speaker", metadata.speaker);
  take("language", metadata.language);
}

void read_metadata(const Shard& shard, const TarMember& member, const std::string& extension,
                   Metadata& metadata) {
  if (extension != ".txt" && extension != ".json") return;
  if (member.size > kMostText)
    throw InputError(
        fmt::format("more than {} bytes of text; the clip is read without it", kMostText));
  const std::string bytes = shard.text_of(member);
  if (extension == ".json") return read_json(bytes, metadata);
  metadata.text = bytes.substr(0, bytes.find_last_not_of("\r\n \t") + 1);
}

std::map<fs::path, Metadata> read_metadata(const Shard& shard, std::vector<SkippedFile>& skipped) {
  std::map<fs::path, Metadata> all;
  for (const TarMember& member : shard.index().files) {
    const MemberName name = name_of(member.path);
    try {
      read_metadata(shard, member, name.extension, all[name.key]);
    } catch (const InputError& error) {
      skipped.push_back({shard.name_of(member), error.what()});
    }
  }
  return all;
}

void fill(Clip& clip, const Metadata& metadata) {
  if (metadata.text) clip.text = *metadata.text;
  if (metadata.speaker) clip.speaker = *metadata.speaker;
  if (metadata.language) clip.language = *metadata.language;
}

}  // namespace

FoundClips find_in_tar(const fs::path& root, const fs::path& shard) {
  const fs::path path = (root / shard).string() + ".tar";
  const auto archive = std::make_shared<const Shard>(path);
  FoundClips found;
  Transcripts transcripts;
  const std::map<fs::path, Metadata> metadata = read_metadata(*archive, found.skipped);
  for (const TarMember& member : archive->index().files) {
    if (!is_audio_name(member.path)) continue;
    const MemberName name = name_of(member.path);
    FoundClip clip = clip_by_name({root, shard, name.key, name.extension}, transcripts);
    fill(clip.raw.clip, metadata.at(name.key));
    clip.raw.origin = archive->name_of(member);
    clip.raw.decode = [archive, member] { return decode_member(*archive, member); };
    found.clips.push_back(std::move(clip));
  }
  if (const std::string& problem = archive->index().problem; !problem.empty())
    found.skipped.push_back({path.string(), problem});
  return found;
}

}  // namespace concertina
