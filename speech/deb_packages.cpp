#include "speech/deb_packages.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "core/errors.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/text.h"
#include "speech/process.h"

namespace concertina {
namespace {

// The last line of apt's and dpkg's messages has the reason.
std::string last_line(std::string_view text) {
  text = trimmed(text);
  return std::string(text.substr(text.find_last_of('\n') + 1));
}

// The value of "Field: value" in a Debian control text.
std::string field_of(std::string_view control, std::string_view name) {
  const std::string key = fmt::format("\n{}: ", name);
  const std::string text = fmt::format("\n{}", control);
  const size_t at = text.find(key);
  if (at == std::string::npos) return "";
  const size_t first = at + key.size();
  return std::string(trimmed(text.substr(first, text.find('\n', first) - first)));
}

std::optional<std::filesystem::path> newest_file(const std::string& name,
                                                 const std::filesystem::path& folder) {
  std::optional<std::filesystem::path> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string file = entry.path().filename().string();
    if (file.starts_with(name + "_") && file.ends_with(".deb") && (!found || *found < entry.path()))
      found = entry.path();
  }
  return found;
}

// "" when apt does not know this version (another suite, no package lists).
std::string published_sha256(const std::string& name, const std::string& version,
                             const StopToken& stop) {
  try {
    const auto answer =
        run_program({"apt-cache", "show", fmt::format("{}={}", name, version)}, {}, stop);
    return answer.status == 0 ? field_of(answer.output, "SHA256") : "";
  } catch (const SystemError&) {
    return "";
  }
}

DebPackage inspect(const std::string& name, const std::filesystem::path& file,
                   const StopToken& stop) {
  const auto answer =
      run_program({"dpkg-deb", "-f", file.string(), "Package", "Version"}, {}, stop);
  if (answer.status != 0) {
    throw InputError(fmt::format("{}: not a Debian package, or a damaged one: {}", file.string(),
                                 last_line(answer.errors)));
  }
  const std::string package = field_of(answer.output, "Package");
  if (package != name)
    throw InputError(
        fmt::format("{}: holds package '{}', expected '{}'", file.string(), package, name));
  DebPackage result{name, field_of(answer.output, "Version"), sha256_file(file), false, file};
  const std::string published = published_sha256(name, result.version, stop);
  if (!published.empty() && published != result.sha256) {
    throw InputError(fmt::format("{}: damaged: its SHA256 is {}, but {} {} has {}", file.string(),
                                 result.sha256, name, result.version, published));
  }
  result.verified = !published.empty();
  return result;
}

}  // namespace

DebPackage find_deb(const std::string& name, const std::filesystem::path& folder,
                    const StopToken& stop) {
  if (!std::filesystem::is_directory(folder))
    throw SystemError(fmt::format("{}: no such folder of packages", folder.string()));
  const auto file = newest_file(name, folder);
  if (!file) throw SystemError(fmt::format("{}: holds no {}_*.deb", folder.string(), name));
  return inspect(name, *file, stop);
}

DebPackage download_deb(const std::string& name, const std::filesystem::path& folder,
                        const StopToken& stop) {
  if (const auto file = newest_file(name, folder)) {
    try {
      return inspect(name, *file, stop);
    } catch (const InputError&) {
      std::filesystem::remove(*file);
    }
  }
  // Into a folder of its own, so that an interrupted download is never mistaken for a package.
  const std::filesystem::path incoming = folder / "incoming";
  std::filesystem::remove_all(incoming);
  make_directories(incoming);
  const auto answer = run_program({"apt-get", "download", "-q", name}, incoming, stop);
  const auto file = newest_file(name, incoming);
  if (answer.status != 0 || !file) {
    throw SystemError(fmt::format(
        "apt-get download {}: {} (`apt-get update` fetches missing package lists; or give "
        "a folder with the packages)",
        name, last_line(answer.errors)));
  }
  const std::filesystem::path kept = folder / file->filename();
  std::filesystem::rename(*file, kept);
  std::filesystem::remove_all(incoming);
  return inspect(name, kept, stop);
}

void unpack_deb(const DebPackage& package, const std::filesystem::path& folder,
                const StopToken& stop) {
  make_directories(folder);
  const auto answer = run_program(
      {"dpkg-deb", "-x", std::filesystem::absolute(package.file).string(), folder.string()}, {},
      stop);
  if (answer.status != 0) {
    throw InputError(
        fmt::format("{}: cannot be unpacked: {}", package.file.string(), last_line(answer.errors)));
  }
}

}  // namespace concertina
