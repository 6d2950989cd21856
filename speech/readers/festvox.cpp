#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "core/errors.h"
#include "core/files.h"
#include "core/text.h"
#include "speech/readers/readers.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

// The voice's folder: the one that holds etc/txt.done.data.
fs::path voice_folder(const fs::path& unpacked, const std::string& package) {
  for (const auto& entry : fs::recursive_directory_iterator(unpacked)) {
    if (entry.path().filename() == "txt.done.data") return entry.path().parent_path().parent_path();
  }
  throw InputError(fmt::format("{}: no etc/txt.done.data in the package", package));
}

// Lines of ( ID "TEXT" ); "+" marks the stressed vowel and is no part of the text.
std::map<std::string, std::string> read_texts(const fs::path& path) {
  std::map<std::string, std::string> texts;
  const std::string lines = read_text(path);
  for (std::string_view rest = lines; !rest.empty();) {
    const std::string line(take_line(rest));
    const size_t first = line.find('"');
    const size_t last = line.rfind('"');
    std::string id;
    std::istringstream head(line.substr(0, std::min(first, line.size())));
    if (char paren = 0; first == last || !(head >> paren >> id) || paren != '(') continue;
    std::string text = line.substr(first + 1, last - first - 1);
    std::erase(text, '+');
    texts[id] = text;
  }
  return texts;
}

Split split_of(const std::string& id) {
  if (id.ends_with('8')) return Split::kDev;
  return id.ends_with('9') ? Split::kTest : Split::kTrain;
}

std::vector<fs::path> wav_files(const fs::path& folder) {
  std::vector<fs::path> files;
  if (fs::is_directory(folder)) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".wav") files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

PackageClips read_festvox(const fs::path& unpacked, const std::string& package) {
  const fs::path voice = voice_folder(unpacked, package);
  const auto texts = read_texts(voice / "etc" / "txt.done.data");
  PackageClips result;
  for (const fs::path& wav : wav_files(voice / "wav")) {
    const std::string name = wav.stem().string();
    RawClip raw;
    Clip& clip = raw.clip;
    clip.id = fmt::format("{}/{}", package, name);
    clip.path = fmt::format("audio/{}.wav", clip.id);
    clip.speaker = voice.filename().string();
    clip.language = package.substr(package.rfind('-') + 1);
    if (const auto text = texts.find(name); text != texts.end()) clip.text = text->second;
    clip.source = package;
    clip.group = clip.id;
    clip.split = split_of(name);
    if (const fs::path labels = voice / "lab" / (name + ".lab"); fs::exists(labels)) {
      clip.phones = fmt::format("phones/{}.lab", clip.id);
      result.phone_files.push_back({labels, clip.phones});
    }
    raw.decode = [wav] { return read_audio(wav); };
    result.clips.push_back(std::move(raw));
  }
  return result;
}

}  // namespace concertina
