#include <fmt/format.h>

#include <algorithm>

#include "core/errors.h"
#include "core/files.h"
#include "core/text.h"
#include "speech/scan/found_clips.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> lines_of(const fs::path& path) {
  std::vector<std::string> lines;
  const std::string text = read_text(path);
  for (std::string_view rest = text; !rest.empty();) lines.emplace_back(take_line(rest));
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

fs::path root_of(const std::vector<std::string>& lines, const fs::path& tsv) {
  const bool has_root =
      !lines.empty() && !lines[0].empty() && lines[0].find('\t') == std::string::npos;
  if (!has_root) {
    throw InputError(fmt::format(
        "{}:1: not a fairseq manifest: the first line must be the root folder, without tabs",
        tsv.string()));
  }
  const fs::path root = fs::absolute(tsv).parent_path() / lines[0];
  if (!fs::is_directory(root))
    throw SystemError(fmt::format("{}:1: no such folder: {}", tsv.string(), root.string()));
  return fs::canonical(root);
}

std::string path_of(const std::string& line, const std::string& where) {
  const size_t tab = line.find('\t');
  const std::string samples = tab == std::string::npos ? "" : line.substr(tab + 1);
  const bool fine =
      tab > 0 && !samples.empty() && samples.find_first_not_of("0123456789") == std::string::npos;
  if (!fine) throw InputError(where + ": expected PATH, a tab and a number of samples");
  return line.substr(0, tab);
}

// fairseq's letters, "H E L L O | Y O U |", as words.
std::string words_of(const std::string& letters) {
  std::string words;
  for (const char c : letters) {
    if (c != ' ') words += c == '|' ? ' ' : c;
  }
  return words.substr(0, words.find_last_not_of(' ') + 1);
}

// One text a clip, or none at all.
std::vector<std::string> texts_beside(const fs::path& tsv, size_t clips) {
  for (const char* extension : {".wrd", ".ltr"}) {
    const fs::path path = fs::path(tsv).replace_extension(extension);
    if (!fs::exists(path)) continue;
    std::vector<std::string> texts = lines_of(path);
    if (texts.size() > clips) {
      throw InputError(fmt::format("{} has {} lines for the {} clips of {}", path.string(),
                                   texts.size(), clips, tsv.filename().string()));
    }
    if (path.extension() == ".ltr")
      std::transform(texts.begin(), texts.end(), texts.begin(), words_of);
    texts.resize(clips);  // empty lines at the end are texts of nothing
    return texts;
  }
  return std::vector<std::string>(clips);
}

}  // namespace

FoundClips find_in_fairseq_manifest(const fs::path& tsv) {
  const std::vector<std::string> lines = lines_of(tsv);
  const fs::path root = root_of(lines, tsv);
  const std::vector<std::string> texts = texts_beside(tsv, lines.size() - 1);
  const auto split = split_of_name(tsv.stem().string());
  FoundClips found;
  Transcripts transcripts;
  for (size_t i = 1; i < lines.size(); ++i) {
    const fs::path inside = path_of(lines[i], fmt::format("{}:{}", tsv.string(), i + 1));
    const fs::path file = (root / inside).lexically_normal();
    FoundClip clip = clip_by_name(
        {root, "", inside.parent_path() / inside.stem(), inside.extension().string()}, transcripts);
    if (!texts[i - 1].empty()) clip.raw.clip.text = texts[i - 1];
    if (split) clip.split = split;
    clip.file = file;
    clip.raw.origin = file.string();
    clip.raw.decode = [file] { return read_file(file); };
    found.clips.push_back(std::move(clip));
  }
  return found;
}

}  // namespace concertina
