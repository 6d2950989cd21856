// Debian packages as files: found, downloaded, checked and unpacked, without installing them or
// root.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/stop.h"

namespace concertina {

struct DebPackage {
  std::string name;
  std::string version;
  std::string sha256;     // of the file
  bool verified = false;  // the hash is the one `apt-cache show` gives for this version
  std::filesystem::path file;
};

// The package file in `folder` (NAME_*.deb; the last by name where there are several). SystemError
// when there is none; InputError when it is another package, or apt has another SHA256 for its
// version.
DebPackage find_deb(const std::string& name, const std::filesystem::path& folder,
                    const StopToken& stop);

// The same, downloaded into `folder` with `apt-get download` when it is missing or damaged.
// SystemError with apt's message.
DebPackage download_deb(const std::string& name, const std::filesystem::path& folder,
                        const StopToken& stop);

// Unpacks into `folder` (dpkg-deb -x). InputError when the file is damaged.
void unpack_deb(const DebPackage& package, const std::filesystem::path& folder,
                const StopToken& stop);

}  // namespace concertina
